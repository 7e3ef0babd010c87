"""The keys that make a device this device and no other. Made here, kept here; nothing gives a private one away.

In the provision folder: the identity key and the ownership secret, for life. In the seal and the uplink folder: the
envelope key and the TLS key, for one owner each, made anew when those have been wiped. The folders belong to the
processes that use the keys; provisioning is in their groups.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from safecount.edges.durable_file import replace_file
from safecount.errors import SafecountError
from safecount.wire.enrolment import SECRET_BYTES, Label, Statement, device_name, fingerprint, serial_of, sign_statement

IDENTITY_FILE, OWNERSHIP_FILE = "identity.pem", "ownership.secret"
ENVELOPE_KEY_FILE, TLS_KEY_FILE = "signing.pem", "tls.key.pem"
_OURS_ALONE, _FOR_THE_GROUP = 0o600, 0o640


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys of a device. Its `repr` shows none of them."""

    identity: Ed25519PrivateKey
    secret: bytes
    envelope_key: Ed25519PrivateKey
    tls_key: EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Identity({self.device!r})"

    @property
    def serial(self) -> str:
        return serial_of(self.identity.public_key())

    @property
    def device(self) -> str:
        """The name in envelopes and certificates."""
        return device_name(self.serial, self.envelope_key.public_key())

    @property
    def label(self) -> Label:
        return Label(self.serial, fingerprint(self.identity.public_key()), self.secret)

    @property
    def tls_key_digest(self) -> bytes:
        """SHA-256 of the TLS key's SubjectPublicKeyInfo."""
        return sha256(self.tls_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    def statement(self) -> bytes:
        """What goes into a certificate request: the envelope key and the TLS key, vouched for by the identity key."""
        statement = Statement(
            identity=self.identity.public_key().public_bytes_raw(),
            envelope_key=self.envelope_key.public_key().public_bytes_raw(),
            tls_key_digest=self.tls_key_digest,
        )
        return sign_statement(statement, self.identity)


def load_identity(provision: Path, seal: Path, uplink: Path) -> Identity:
    """The keys in these three folders; whatever is not there yet is made now, and on disk before it is used.

    Raises:
        SafecountError: a key file is damaged, or the folder cannot be written.
    """
    try:
        return Identity(
            identity=_ed25519(provision / IDENTITY_FILE, _OURS_ALONE),
            secret=_secret(provision / OWNERSHIP_FILE),
            envelope_key=_ed25519(seal / ENVELOPE_KEY_FILE, _FOR_THE_GROUP),
            tls_key=_p256(uplink / TLS_KEY_FILE),
        )
    except OSError as error:
        raise SafecountError(
            f"The device's keys in {provision}, {seal} and {uplink} cannot be kept: {error}. Check the data partition."
        ) from error


def _ed25519(path: Path, mode: int) -> Ed25519PrivateKey:
    if not path.exists():
        replace_file(path, _pem(Ed25519PrivateKey.generate()), mode)
    key = _read_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path)
    return key


def _p256(path: Path) -> EllipticCurvePrivateKey:
    if not path.exists():
        replace_file(path, _pem(generate_private_key(SECP256R1())), _FOR_THE_GROUP)
    key = _read_key(path)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise _damaged(path)
    return key


def _secret(path: Path) -> bytes:
    if not path.exists():
        replace_file(path, secrets.token_bytes(SECRET_BYTES), _OURS_ALONE)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise _damaged(path)
    return secret


def _read_key(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise _damaged(path) from error


def _pem(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _damaged(path: Path) -> SafecountError:
    return SafecountError(f"The key file {path} is damaged: remove it and enrol the device again.")
