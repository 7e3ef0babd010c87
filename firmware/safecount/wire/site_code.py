"""The site code: everything a blank device needs to belong to a site, in one QR code, line of text or file.

"SC1:" and base45 of a COSE_Sign1. It is signed by the key it names, the site's signer. What makes that signer worth
believing is, for a blank device, the proof made with the secret on its label, or that its card names the signer; later,
that it is the same signer as before. It carries no secret but a one-time token that lives for days at most.
"""

import hmac
import re
from dataclasses import dataclass, replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.base45 import decode45, encode45
from safecount.wire.code_line import MAX_LINES, CodeLine, line_item, parse_line
from safecount.wire.code_text import MAX_SITE_CODE_BYTES, MAX_SITE_CODE_CHARACTERS, SITE_CODE_PREFIX
from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import (
    Fields,
    Item,
    as_bool,
    as_bytes,
    as_enum,
    as_fields,
    as_list,
    as_text,
    as_uint,
    decode,
    encode,
)
from safecount.wire.enrolment import FINGERPRINT_BYTES, SERIAL_MAX_BYTES
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import PORT_MAX, TEXT_MAX_BYTES, UTC_MAX_S, Profile

SITE_CODE_TYPE = "safecount-site"
SITE_CODE_VERSION = 1
URL_MAX_BYTES = 96
TOKEN_BYTES = 16
PROOF_BYTES = 16
_ADDRESS = re.compile(
    r"https://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?", re.ASCII
)
_REQUIRED = frozenset(range(1, 13))
_OPTIONAL = frozenset({13, 14})


@dataclass(frozen=True, slots=True)
class SiteCode:
    """What a device is told when it is enrolled.

    `url` is the collector ("https://host:port"), `ca` the SHA-256 of its CA certificate (DER), `root` the controller's
    raw Ed25519 key, `signer` the raw Ed25519 key that signs codes of this site. `expires_s` is UTC. With `serial` the
    code is for one device only, and `proof` shows that its maker has read that device's label. Codes of a fleet's list have
    none: they are believed for their signer (fleet.py).
    """

    url: str
    ca: bytes
    root: bytes
    signer: bytes
    token: bytes
    expires_s: int
    site: str
    zone: str
    lines: tuple[CodeLine, ...]
    profile: Profile
    exits: bool
    serial: str | None = None
    proof: bytes | None = None

    def __repr__(self) -> str:
        return f"SiteCode({self.site!r}, {self.serial!r})"  # the token is a secret while it lives

    @property
    def digest(self) -> bytes:
        """What the code is remembered by: SHA-256 of its token."""
        return sha256(self.token).digest()


def prove(code: SiteCode, serial: str, secret: bytes) -> SiteCode:
    """The code, for the device with this serial alone, with the proof made from its label's secret."""
    addressed = replace(code, serial=serial, proof=None)
    return replace(addressed, proof=_proof(addressed, secret))


def is_proven(code: SiteCode, secret: bytes) -> bool:
    """Whether the code's maker knew `secret`."""
    return code.proof is not None and hmac.compare_digest(code.proof, _proof(replace(code, proof=None), secret))


def _proof(code: SiteCode, secret: bytes) -> bytes:
    return hmac.digest(secret, b"safecount site code 1\0" + encode(_payload(code)), "sha256")[:PROOF_BYTES]


def sign_site_code(code: SiteCode, signer: Ed25519PrivateKey) -> str:
    """The text of the code, signed by the key that it names; ValueError if that is another one."""
    if signer.public_key().public_bytes_raw() != code.signer:
        raise ValueError("a site code is signed by the key that it names")
    return SITE_CODE_PREFIX + encode45(sign1(SITE_CODE_TYPE, encode(_payload(code)), signer))


def _payload(code: SiteCode) -> Fields:
    fields: Fields = {
        1: SITE_CODE_VERSION,
        2: code.url,
        3: code.ca,
        4: code.root,
        5: code.signer,
        6: code.token,
        7: code.expires_s,
        8: code.site,
        9: code.zone,
        10: [line_item(line) for line in code.lines],
        11: int(code.profile),
        12: code.exits,
    }
    optional: Fields = {13: code.serial, 14: code.proof}
    return fields | {key: value for key, value in optional.items() if value is not None}


def parse_site_code(untrusted: str) -> SiteCode:
    """The code in a text, signed by the signer it names. Whether that signer counts for anything is not known yet.

    Raises:
        UntrustedInput: WRONG_TYPE for a text that is no site code at all, or any other of the reasons 1 to 7.
    """
    text = untrusted.strip("\r\n\t")
    if not text.startswith(SITE_CODE_PREFIX):
        raise UntrustedInput(Reason.WRONG_TYPE, f"The text is no site code: those begin with {SITE_CODE_PREFIX}")
    if len(text) > MAX_SITE_CODE_CHARACTERS:
        raise UntrustedInput(Reason.TOO_LARGE, f"The text has {len(text)} characters: no site code is as long.")
    raw = decode45(text.removeprefix(SITE_CODE_PREFIX), MAX_SITE_CODE_CHARACTERS)
    signed = parse_sign1(raw, SITE_CODE_TYPE, MAX_SITE_CODE_BYTES)
    code = _parse_payload(signed.untrusted_payload)
    signed.verify(Ed25519PublicKey.from_public_bytes(code.signer))
    return code


def _parse_payload(untrusted: bytes) -> SiteCode:
    fields = as_fields(decode(untrusted, MAX_SITE_CODE_BYTES), _REQUIRED, _OPTIONAL)
    if as_uint(fields[1]) != SITE_CODE_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The site code is not of version {SITE_CODE_VERSION}.")
    if 14 in fields and 13 not in fields:
        raise UntrustedInput(Reason.BAD_FIELD, "A site code with a proof names the serial that it is for.")
    return SiteCode(
        url=collector_address(as_text(fields[2], URL_MAX_BYTES)),
        ca=as_bytes(fields[3], FINGERPRINT_BYTES, FINGERPRINT_BYTES),
        root=as_bytes(fields[4], 32, 32),
        signer=as_bytes(fields[5], 32, 32),
        token=as_bytes(fields[6], TOKEN_BYTES, TOKEN_BYTES),
        expires_s=as_uint(fields[7], UTC_MAX_S),
        site=_name(fields[8]),
        zone=_name(fields[9]),
        lines=tuple(parse_line(item) for item in as_list(fields[10], 1, MAX_LINES)),
        profile=as_enum(fields[11], Profile),
        exits=as_bool(fields[12]),
        serial=as_text(fields[13], SERIAL_MAX_BYTES) if 13 in fields else None,
        proof=as_bytes(fields[14], PROOF_BYTES, PROOF_BYTES) if 14 in fields else None,
    )


def _name(item: Item) -> str:
    text = as_text(item, TEXT_MAX_BYTES)
    if not text.isprintable():
        raise UntrustedInput(Reason.BAD_FIELD, "A name in the site code has a character that cannot be printed.")
    return text


def collector_address(text: str) -> str:
    """The address, if it is "https://host" or "https://host:port" and nothing more."""
    address = _ADDRESS.fullmatch(text)
    if address is None or int((address[2] or ":1")[1:]) > PORT_MAX:
        raise UntrustedInput(Reason.BAD_FIELD, "The collector's address in the site code is not https://host:port.")
    return text
