"""The receipt: the collector's signed word that it has stored one envelope. Only then may a device drop it."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import as_bytes, as_fields, as_text, as_uint, decode, encode
from safecount.wire.envelope import COUNTER_MAX, DIGEST_BYTES, Envelope
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import DEVICE_MAX_BYTES, UTC_MAX_S

RECEIPT_TYPE = "safecount-receipt"
RECEIPT_VERSION = 1
MAX_RECEIPT_BYTES = 256
_KEYS = frozenset(range(1, 7))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is stored: the envelope of these numbers with this SHA-256, received at `received_at_s` (UTC)."""

    device: str
    epoch: int
    sequence: int
    digest: bytes
    received_at_s: int


def receipt_for(envelope: Envelope, received_at_s: int) -> Receipt:
    """The receipt of a stored envelope."""
    header = envelope.header
    return Receipt(header.device, header.epoch, header.sequence, envelope.digest, received_at_s)


def sign_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> bytes:
    """The receipt as bytes, signed with the collector's key."""
    payload = encode(
        {
            1: RECEIPT_VERSION,
            2: receipt.device,
            3: receipt.epoch,
            4: receipt.sequence,
            5: receipt.digest,
            6: receipt.received_at_s,
        }
    )
    return sign1(RECEIPT_TYPE, payload, key)


def verify_receipt(untrusted: bytes, collectors: Iterable[Ed25519PublicKey]) -> Receipt:
    """The receipt, once one of `collectors` is known to have signed it.

    Raises:
        UntrustedInput: with any of the reasons 1 to 7.
    """
    signed = parse_sign1(untrusted, RECEIPT_TYPE, MAX_RECEIPT_BYTES)
    fields = as_fields(decode(signed.verify_any(collectors), MAX_RECEIPT_BYTES), _KEYS)
    if as_uint(fields[1]) != RECEIPT_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The receipt is not of version {RECEIPT_VERSION}.")
    return Receipt(
        device=as_text(fields[2], DEVICE_MAX_BYTES),
        epoch=as_uint(fields[3], COUNTER_MAX),
        sequence=as_uint(fields[4], COUNTER_MAX),
        digest=as_bytes(fields[5], DIGEST_BYTES, DIGEST_BYTES),
        received_at_s=as_uint(fields[6], UTC_MAX_S),
    )
