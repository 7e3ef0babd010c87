"""The keys that a fleet's parties hold, made from a text so that a test or a vector has the same ones each time.

`open_sealed` is the controller's act, here only for tests of the device: the device itself has no such code.
"""

from dataclasses import dataclass
from hashlib import sha256, shake_256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from safecount.wire.envelope import EnvelopeHeader, info_for
from safecount.wire.keyset import Keyset, Recipient, Role
from safecount.wire.record import unpad_body
from safecount.wire.suite import SUITE

FOREVER_S = 2**39


def signing_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


@dataclass(frozen=True)
class Reader:
    """A recipient: its X-Wing seed and both halves of its key pair."""

    seed: bytes
    private_key: MLKEM768X25519PrivateKey
    public_key: bytes

    def recipient(self, role: Role, not_before_s: int = 0, not_after_s: int = FOREVER_S) -> Recipient:
        return Recipient(role, self.public_key, not_before_s, not_after_s)

    def open_sealed(self, header: EnvelopeHeader, sealed: bytes) -> bytes:
        return unpad_body(self.open_with_info(info_for(header), sealed))

    def open_with_info(self, info: bytes, sealed: bytes) -> bytes:
        return SUITE.decrypt(sealed, self.private_key, info=info)


def reader(name: str) -> Reader:
    """The key pair of a seed, expanded as the X-Wing draft has it: SHAKE256, 64 bytes for ML-KEM, 32 for X25519."""
    seed = sha256(name.encode()).digest()
    expanded = shake_256(seed).digest(96)
    mlkem, x25519 = (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return Reader(seed, MLKEM768X25519PrivateKey(mlkem, x25519), public)


def keyset(*recipients: Recipient, serial: int = 1, collector: str = "collector") -> Keyset:
    return Keyset(serial, recipients, (signing_key(collector).public_key().public_bytes_raw(),))
