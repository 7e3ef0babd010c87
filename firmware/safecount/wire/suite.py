"""The one cipher suite: HPKE (RFC 9180, base mode) with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305
(docs/adr/0005-sealing.md).

X-Wing is KEM 0x647A (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 together. A public key is the ML-KEM one
(1184 bytes) and then the X25519 one (32 bytes).
"""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from safecount.wire.errors import Reason, UntrustedInput

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
MLKEM_BYTES = 1184
PUBLIC_KEY_BYTES = MLKEM_BYTES + 32
ENCAPSULATED_BYTES = 1120
TAG_BYTES = 16
KEY_ID_BYTES = 16


def key_id(public_key: bytes) -> bytes:
    """The name of a recipient's key: the first 16 bytes of its SHA-256."""
    return sha256(public_key).digest()[:KEY_ID_BYTES]


def load_public_key(untrusted: bytes) -> MLKEM768X25519PublicKey:
    """The X-Wing public key in 1216 raw bytes; UntrustedInput (BAD_FIELD) if they are none."""
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(untrusted[:MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(untrusted[MLKEM_BYTES:]),
        )
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, "A recipient's key is no X-Wing public key.") from error
