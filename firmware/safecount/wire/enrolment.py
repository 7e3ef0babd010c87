"""Who a device is, before and after it belongs to somebody: serial, label, and the statement it enrols with.

A device has one identity key (Ed25519, made on first boot, kept for life) and makes, for each owner, one envelope key
and one TLS key. Its serial follows from the identity key and its name in envelopes from serial and envelope key, so
neither can be claimed without the key. The label carries the ownership secret: who can read the label owns the device.
"""

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.base45 import decode45, encode45
from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import Fields, as_bytes, as_fields, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput

SECRET_BYTES = 16
FINGERPRINT_BYTES = 32
SETUP_CODE_BYTES = 5
TOKEN_TAKEN_STATUS = 409
"""The HTTP status for a token that another device has used (EST has none of its own; RFC 7030, section 4.2.3)."""
SERIAL_MAX_BYTES = 24
LABEL_PREFIX = "SL1:"
LABEL_VERSION = 1
MAX_LABEL_CHARACTERS = 160
STATEMENT_TYPE = "safecount-device"
STATEMENT_VERSION = 1
STATEMENT_OID = "2.25.298412867590436121350264937452306541203"
"""The extension of a certificate request that holds the statement; an arc that needs no registry (ITU-T X.667)."""
MAX_STATEMENT_BYTES = 320
_SERIAL_DIGITS = 16
_NAME_DIGITS = 6


def serial_of(identity: Ed25519PublicKey) -> str:
    """The serial: "sc-" and the first 80 bits of the identity key's SHA-256, in base32 (RFC 4648), lower case."""
    return "sc-" + _digits(identity, _SERIAL_DIGITS)


def device_name(serial: str, envelope_key: Ed25519PublicKey) -> str:
    """The device's name in envelopes and certificates: another one for each owner, since the envelope key is."""
    return f"{serial}.{_digits(envelope_key, _NAME_DIGITS)}"


def fingerprint(key: Ed25519PublicKey) -> bytes:
    """SHA-256 of the 32 raw bytes."""
    return sha256(key.public_bytes_raw()).digest()


def setup_code_bytes(secret: bytes) -> bytes:
    """The set-up code that stands on the label, from its ownership secret: what opens the page after the button."""
    return hmac.digest(secret, b"safecount set-up code 1", "sha256")[:SETUP_CODE_BYTES]


def fingerprint_text(key: bytes) -> str:
    """A raw key as people compare it: the first 16 bytes of its SHA-256, in groups of four hex digits."""
    text = sha256(key).hexdigest()[:32]
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _digits(key: Ed25519PublicKey, count: int) -> str:
    return base64.b32encode(fingerprint(key)).decode("ascii").lower()[:count]


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a device's label: the identity key's fingerprint, which the serial follows from, and the
    ownership secret. Its `repr` hides the secret.
    """

    serial: str
    fingerprint: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Label({self.serial!r})"


def encode_label(label: Label) -> str:
    """The text of the label's QR code: "SL1:" and base45."""
    return LABEL_PREFIX + encode45(encode({1: LABEL_VERSION, 2: label.serial, 3: label.fingerprint, 4: label.secret}))


def parse_label(untrusted: str) -> Label:
    """The label in a text; UntrustedInput if it is none, or its serial does not follow from its fingerprint."""
    text = untrusted.strip("\r\n\t")
    if not text.startswith(LABEL_PREFIX):
        raise UntrustedInput(Reason.WRONG_TYPE, f"The text is no label of a device: those begin with {LABEL_PREFIX}")
    raw = decode45(text.removeprefix(LABEL_PREFIX), MAX_LABEL_CHARACTERS)
    fields = as_fields(decode(raw, MAX_LABEL_CHARACTERS), frozenset({1, 2, 3, 4}))
    if as_uint(fields[1]) != LABEL_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The label is not of version {LABEL_VERSION}.")
    label = Label(
        serial=as_text(fields[2], SERIAL_MAX_BYTES),
        fingerprint=as_bytes(fields[3], FINGERPRINT_BYTES, FINGERPRINT_BYTES),
        secret=as_bytes(fields[4], SECRET_BYTES, SECRET_BYTES),
    )
    if label.serial != serial_of_fingerprint(label.fingerprint):
        raise UntrustedInput(Reason.BAD_FIELD, "The label's serial is not that of its key fingerprint.")
    return label


def serial_of_fingerprint(key_fingerprint: bytes) -> str:
    """The serial of the identity key with this SHA-256."""
    return "sc-" + base64.b32encode(key_fingerprint).decode("ascii").lower()[:_SERIAL_DIGITS]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a device says of itself when it asks for a certificate: raw Ed25519 keys (32 bytes each), and the SHA-256
    of the SubjectPublicKeyInfo that the certificate is for.
    """

    identity: bytes
    envelope_key: bytes
    tls_key_digest: bytes

    @property
    def serial(self) -> str:
        return serial_of(Ed25519PublicKey.from_public_bytes(self.identity))

    @property
    def device(self) -> str:
        return device_name(self.serial, Ed25519PublicKey.from_public_bytes(self.envelope_key))


def sign_statement(statement: Statement, identity: Ed25519PrivateKey) -> bytes:
    """The statement as bytes, signed with the identity key that it names."""
    payload: Fields = {
        1: STATEMENT_VERSION,
        2: statement.identity,
        3: statement.envelope_key,
        4: statement.tls_key_digest,
    }
    return sign1(STATEMENT_TYPE, encode(payload), identity)


def verify_statement(untrusted: bytes, tls_key_digest: bytes) -> Statement:
    """The statement, once the identity that it names is known to have signed it, for this TLS key.

    Raises:
        UntrustedInput: with any of the reasons 1 to 7.
    """
    signed = parse_sign1(untrusted, STATEMENT_TYPE, MAX_STATEMENT_BYTES)
    fields = as_fields(decode(signed.untrusted_payload, MAX_STATEMENT_BYTES), frozenset({1, 2, 3, 4}))
    if as_uint(fields[1]) != STATEMENT_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The statement is not of version {STATEMENT_VERSION}.")
    statement = Statement(
        identity=as_bytes(fields[2], 32, 32),
        envelope_key=as_bytes(fields[3], 32, 32),
        tls_key_digest=as_bytes(fields[4], 32, 32),
    )
    signed.verify(Ed25519PublicKey.from_public_bytes(statement.identity))
    if statement.tls_key_digest != tls_key_digest:
        raise UntrustedInput(Reason.BAD_FIELD, "The statement is for another TLS key than the request's.")
    return statement
