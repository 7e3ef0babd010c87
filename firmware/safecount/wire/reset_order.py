"""The order to forget its owner, for one device: signed by the site's signer, whose key the device keeps from its site code.

It names the device by the name that it has for this owner alone. A device that was reset has another name, so an order is
good once and a copy of it worth nothing.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import as_fields, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import DEVICE_MAX_BYTES

RESET_TYPE = "safecount-reset"
RESET_VERSION = 1
MAX_RESET_BYTES = 192
_KEYS = frozenset({1, 2})


def sign_reset(device: str, signer: Ed25519PrivateKey) -> bytes:
    """The order for the device of this name."""
    return sign1(RESET_TYPE, encode({1: RESET_VERSION, 2: device}), signer)


def verify_reset(untrusted: bytes, device: str, signer: Ed25519PublicKey) -> None:
    """Return if this is the signer's order for this very device.

    Raises:
        UntrustedInput: with any of the reasons 1 to 7; BAD_FIELD for another device's.
    """
    signed = parse_sign1(untrusted, RESET_TYPE, MAX_RESET_BYTES)
    fields = as_fields(decode(signed.verify(signer), MAX_RESET_BYTES), _KEYS)
    if as_uint(fields[1]) != RESET_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The order is not of version {RESET_VERSION}.")
    if as_text(fields[2], DEVICE_MAX_BYTES) != device:
        raise UntrustedInput(Reason.BAD_FIELD, "The order is for another device.")
