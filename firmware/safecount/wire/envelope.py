"""The envelope: the one thing that a device sends. Always 4096 bytes, always signed, and chained to the one before.

A COUNT envelope holds the same body once for each recipient, sealed; a HEALTH envelope holds a body that its collector
may read. This module checks and lays out; it neither seals nor opens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.cose import Signed, parse_sign1, sign1, sign1_overhead
from safecount.wire.encoding import (
    Fields,
    Item,
    as_bytes,
    as_enum,
    as_fields,
    as_list,
    as_text,
    as_uint,
    decode,
    encode,
)
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.record import BODY_BYTES
from safecount.wire.suite import ENCAPSULATED_BYTES, KEY_ID_BYTES, TAG_BYTES
from safecount.wire.values import DEVICE_MAX_BYTES

ENVELOPE_TYPE = "safecount-envelope"
ENVELOPE_VERSION = 1
ENVELOPE_BYTES = 4096
SEALED_BYTES = ENCAPSULATED_BYTES + BODY_BYTES + TAG_BYTES
DIGEST_BYTES = 32
MAX_RECIPIENTS = 2
COUNTER_MAX = 2**40
_INFO_PREFIX = b"safecount envelope 1\0"
_HEADER_KEYS = frozenset(range(1, 9))
_PAYLOAD_BYTES = ENVELOPE_BYTES - sign1_overhead(ENVELOPE_TYPE)


class Kind(IntEnum):
    """What an envelope holds: a CountRecord sealed for its recipients, or a HealthRecord for the collector."""

    COUNT = 1
    HEALTH = 2


class SuiteId(IntEnum):
    """How the content is protected beside the signature: not at all (HEALTH), or by HPKE with X-Wing (COUNT)."""

    SIGNED_ONLY = 0
    HPKE_XWING = 1


@dataclass(frozen=True, slots=True)
class EnvelopeHeader:
    """What everybody may read. `sequence` counts from 1 in each `epoch`; `previous` is the SHA-256 of the envelope
    before (zeros for the first of an epoch); `recipients` are key ids, the controller's first, and none for HEALTH.
    """

    kind: Kind
    device: str
    epoch: int
    sequence: int
    previous: bytes
    recipients: tuple[bytes, ...]

    @property
    def suite(self) -> SuiteId:
        return SuiteId.HPKE_XWING if self.kind is Kind.COUNT else SuiteId.SIGNED_ONLY


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope that `verify_envelope` has seen the device's signature on. `digest` is the SHA-256 of `raw`.

    `contents`: for COUNT one HPKE message (encapsulated key, then ciphertext) a recipient, in the order of the header's
    recipients; for HEALTH one padded body.
    """

    header: EnvelopeHeader
    contents: tuple[bytes, ...]
    raw: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class ClaimedEnvelope:
    """An envelope whose form is right; whose it is, is only claimed. `header` may be used to look the device up."""

    header: EnvelopeHeader
    contents: tuple[bytes, ...]
    raw: bytes
    signed: Signed


def info_for(header: EnvelopeHeader) -> bytes:
    """HPKE's `info` for an envelope with this header: binds what is sealed to its device, place in the chain and
    readers.
    """
    return _INFO_PREFIX + encode(_header_fields(header))


def pack_envelope(header: EnvelopeHeader, contents: Sequence[bytes], key: Ed25519PrivateKey) -> bytes:
    """The signed envelope of ENVELOPE_BYTES around contents that are already sealed (COUNT) or padded (HEALTH)."""
    if len(contents) > MAX_RECIPIENTS:
        raise ValueError(f"an envelope has room for {MAX_RECIPIENTS} recipients")
    unfilled = encode([_header_fields(header), list(contents), b""])[:-1]  # an empty byte string is one byte
    return sign1(ENVELOPE_TYPE, unfilled + encode(_filling(_PAYLOAD_BYTES - len(unfilled))), key)


def parse_envelope(untrusted: bytes) -> ClaimedEnvelope:
    """The parts of an envelope, before its signature is checked.

    Raises:
        UntrustedInput: with any of the reasons 1 to 6.
    """
    if len(untrusted) > ENVELOPE_BYTES:
        raise UntrustedInput(Reason.TOO_LARGE, f"An envelope has {ENVELOPE_BYTES} bytes, not {len(untrusted)}.")
    if len(untrusted) < ENVELOPE_BYTES:
        raise UntrustedInput(Reason.MALFORMED, f"An envelope has {ENVELOPE_BYTES} bytes, not {len(untrusted)}.")
    signed = parse_sign1(untrusted, ENVELOPE_TYPE, ENVELOPE_BYTES)
    header_item, contents_item, padding = as_list(decode(signed.untrusted_payload, ENVELOPE_BYTES), 3, 3)
    header = _parse_header(header_item)
    if as_bytes(padding, 0, ENVELOPE_BYTES).strip(b"\0"):
        raise UntrustedInput(Reason.BAD_FIELD, "The filling of an envelope must be zeros.")
    count, size = (len(header.recipients), SEALED_BYTES) if header.kind is Kind.COUNT else (1, BODY_BYTES)
    contents = tuple(as_bytes(item, size, size) for item in as_list(contents_item, count, count))
    return ClaimedEnvelope(header, contents, untrusted, signed)


def verify_envelope(claimed: ClaimedEnvelope, device_key: Ed25519PublicKey) -> Envelope:
    """The envelope, once `device_key` is known to have signed it; UntrustedInput (BAD_SIGNATURE) otherwise."""
    claimed.signed.verify(device_key)
    return Envelope(claimed.header, claimed.contents, claimed.raw, sha256(claimed.raw).digest())


def _header_fields(header: EnvelopeHeader) -> Fields:
    return {
        1: ENVELOPE_VERSION,
        2: int(header.kind),
        3: int(header.suite),
        4: header.device,
        5: header.epoch,
        6: header.sequence,
        7: header.previous,
        8: list(header.recipients),
    }


def _parse_header(item: Item) -> EnvelopeHeader:
    if isinstance(item, dict) and as_uint(item.get(1)) != ENVELOPE_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The envelope is not of version {ENVELOPE_VERSION}.")
    fields = as_fields(item, _HEADER_KEYS)
    kind = as_enum(fields[2], Kind)
    least, most = (1, MAX_RECIPIENTS) if kind is Kind.COUNT else (0, 0)
    header = EnvelopeHeader(
        kind=kind,
        device=as_text(fields[4], DEVICE_MAX_BYTES),
        epoch=as_uint(fields[5], COUNTER_MAX),
        sequence=as_uint(fields[6], COUNTER_MAX),
        previous=as_bytes(fields[7], DIGEST_BYTES, DIGEST_BYTES),
        recipients=tuple(as_bytes(key, KEY_ID_BYTES, KEY_ID_BYTES) for key in as_list(fields[8], least, most)),
    )
    if as_uint(fields[3]) != header.suite:
        raise UntrustedInput(Reason.UNSUPPORTED_SUITE, f"The suite does not belong to a {kind.name} envelope.")
    if header.sequence == 0 or (header.sequence == 1) != (not any(header.previous)):
        raise UntrustedInput(Reason.BAD_FIELD, "An epoch begins at sequence 1, which alone has no envelope before it.")
    if not header.device.isprintable() or len(set(header.recipients)) != len(header.recipients):
        raise UntrustedInput(Reason.BAD_FIELD, "The device's name or the recipients are not as they must be.")
    return header


def _filling(room: int) -> bytes:
    """The zeros that fill `room` bytes of the payload. Their CBOR head takes two bytes, from 256 zeros on three.

    Beside one recipient's part thousands of bytes are left over, and beside two about 200: never a length in between.
    """
    return bytes(room - 2 if room < 258 else room - 3)
