"""The fleet's line: what lies on every card of a fleet, so that blank devices ask for their site codes themselves.

"SF1:" and base45 of a COSE_Sign1 by the fleet's signer, which it names. It holds no secret and names no device. A blank
device believes it for lying on its own card, and then every site code for this very signer's signature: the collector that
hands them out cannot make one.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.base45 import decode45, encode45
from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import as_bytes, as_fields, as_text, as_uint, decode, encode
from safecount.wire.enrolment import FINGERPRINT_BYTES
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.site_code import URL_MAX_BYTES, collector_address
from safecount.wire.values import UTC_MAX_S

FLEET_PREFIX = "SF1:"
FLEET_TYPE = "safecount-fleet"
FLEET_VERSION = 1
MAX_FLEET_BYTES = 320
MAX_FLEET_CHARACTERS = len(FLEET_PREFIX) + MAX_FLEET_BYTES * 3 // 2
SITE_CODE_PATH = "/v1/site-code"
"""Where the collector hands out a listed device's site code, for a certificate request with its statement."""
NOT_LISTED_STATUS, LIST_ENDED_STATUS = 422, 410
"""The HTTP statuses for a device that is on no list, and for a list that is past its date."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """`url` is the collector ("https://host:port"), `ca` the SHA-256 of its CA certificate (DER), `signer` the raw Ed25519 key
    that has signed the fleet's site codes. `made_s` (UTC) makes each line another one: after a reset a device takes no file
    that lay on its card before.
    """

    url: str
    ca: bytes
    signer: bytes
    made_s: int


def sign_fleet(fleet: Fleet, signer: Ed25519PrivateKey) -> str:
    """The line, signed by the key that it names; ValueError if that is another one."""
    if signer.public_key().public_bytes_raw() != fleet.signer:
        raise ValueError("a fleet's line is signed by the key that it names")
    payload = encode({1: FLEET_VERSION, 2: fleet.url, 3: fleet.ca, 4: fleet.signer, 5: fleet.made_s})
    return FLEET_PREFIX + encode45(sign1(FLEET_TYPE, payload, signer))


def parse_fleet(untrusted: str) -> Fleet:
    """The fleet in a line that is whole, as the signature shows.

    Raises:
        UntrustedInput: WRONG_TYPE for a text that is no such line, or any other of the reasons 1 to 7.
    """
    text = untrusted.strip("\r\n\t")
    if not text.startswith(FLEET_PREFIX):
        raise UntrustedInput(Reason.WRONG_TYPE, f"The text is no fleet's line: those begin with {FLEET_PREFIX}")
    raw = decode45(text.removeprefix(FLEET_PREFIX), MAX_FLEET_CHARACTERS)
    signed = parse_sign1(raw, FLEET_TYPE, MAX_FLEET_BYTES)
    fields = as_fields(decode(signed.untrusted_payload, MAX_FLEET_BYTES), frozenset({1, 2, 3, 4, 5}))
    if as_uint(fields[1]) != FLEET_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The fleet's line is not of version {FLEET_VERSION}.")
    fleet = Fleet(
        url=collector_address(as_text(fields[2], URL_MAX_BYTES)),
        ca=as_bytes(fields[3], FINGERPRINT_BYTES, FINGERPRINT_BYTES),
        signer=as_bytes(fields[4], 32, 32),
        made_s=as_uint(fields[5], UTC_MAX_S),
    )
    signed.verify(Ed25519PublicKey.from_public_bytes(fleet.signer))
    return fleet
