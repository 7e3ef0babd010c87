"""The controller's secrets: the root key that signs keysets, and the reader keys that open what devices seal.

Each lies in a file of its own, sealed under a pass-phrase by age (scrypt, ChaCha20-Poly1305; age-encryption.org/v1), so
that it can be read with any age tool, too, in many years. Inside is text: PKCS8 PEM for the root key, and for a reader
key a line that names it and the 32-byte seed of the X-Wing draft in hex.
"""

import base64
import os
import time
from dataclasses import dataclass, field
from hashlib import shake_256
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from safecount.errors import SafecountError, UsageError
from safecount.wire.errors import UntrustedInput
from safecount.wire.suite import PUBLIC_KEY_BYTES, key_id, load_public_key
from safecount_ops.controller.home import Home, write_private

_READER = "safecount reader key 1"
_READER_PUBLIC = "safecount reader public key 1"
_SEED_BYTES = 32
_MAX_FILE_BYTES = 16 * 1024
_TRIES, _PAUSE_S = 10, 1.0


class KeyFileError(SafecountError):
    """A key file that cannot be used: missing, damaged, or not of this pass-phrase."""


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """A key pair that opens what is sealed for it. `seed` (32 bytes) is the secret it is made from."""

    seed: bytes = field(repr=False)
    private_key: MLKEM768X25519PrivateKey = field(repr=False)
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.public_key)


def reader_key(seed: bytes) -> ReaderKey:
    """The key pair of a seed, expanded as the X-Wing draft has it: SHAKE256, 64 bytes for ML-KEM, 32 for X25519."""
    expanded = shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return ReaderKey(seed, MLKEM768X25519PrivateKey(mlkem, x25519), public)


def new_reader_key() -> ReaderKey:
    """A key pair that nobody has had before."""
    return reader_key(os.urandom(_SEED_BYTES))


def save_reader_key(folder: Path, key: ReaderKey, phrase: str) -> Path:
    """Write reader-ID.age and reader-ID.pub into `folder`; gives the path of the public half."""
    name = f"reader-{key.key_id.hex()}"
    write_private(folder / f"{name}.age", _boxed(f"{_READER}\n{key.seed.hex()}\n".encode(), phrase))
    public = folder / f"{name}.pub"
    write_private(public, f"{_READER_PUBLIC}\n{base64.b64encode(key.public_key).decode()}\n".encode())
    return public


def load_reader_key(file: Path, phrase: str) -> ReaderKey:
    """The key in an age file; KeyFileError if the pass-phrase or the content is not right."""
    try:
        title, seed_hex, _ = _unboxed(file, phrase).decode("ascii").split("\n")
        seed = bytes.fromhex(seed_hex)
    except ValueError as error:
        raise KeyFileError(f"The file {file} holds no reader key.") from error
    if title != _READER or len(seed) != _SEED_BYTES:
        raise KeyFileError(f"The file {file} holds no reader key.")
    return reader_key(seed)


def reader_files(home: Home) -> list[Path]:
    """The age files of all reader keys in the controller's folder."""
    return sorted(home.keys.glob("reader-*.age"))


def load_reader_public(file: Path) -> bytes:
    """The 1216 bytes of a public reader key file; KeyFileError if it is none."""
    try:
        title, text, _ = _read(file).decode("ascii").split("\n")
        public = base64.b64decode(text, validate=True)
        load_public_key(public)
    except (ValueError, UntrustedInput) as error:
        raise KeyFileError(f"The file {file} holds no public reader key (reader-ID.pub).") from error
    if title != _READER_PUBLIC or len(public) != PUBLIC_KEY_BYTES:
        raise KeyFileError(f"The file {file} holds no public reader key (reader-ID.pub).")
    return public


def save_root_key(home: Home, key: Ed25519PrivateKey, phrase: str) -> None:
    """Write root.age and root.pub."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(home.keys / "root.age", _boxed(pem, phrase))
    write_private(
        home.keys / "root.pub", key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def load_root_key(home: Home, phrase: str) -> Ed25519PrivateKey:
    """The root key; KeyFileError if it is not there (it may be kept apart) or the pass-phrase is not right."""
    file = home.keys / "root.age"
    if not file.exists():
        raise KeyFileError(f"The root key {file} is not here: bring it back from where it is kept to sign a keyset.")
    try:
        key = load_pem_private_key(_unboxed(file, phrase), None)
    except ValueError as error:
        raise KeyFileError(f"The file {file} holds no root key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"The file {file} holds a key of another kind than Ed25519.")
    return key


def load_root_public(home: Home) -> Ed25519PublicKey:
    """The public half of the root key, which lies open."""
    return load_ed25519_public(home.keys / "root.pub")


def load_ed25519_public(file: Path) -> Ed25519PublicKey:
    """The key of a PEM file; KeyFileError if it is none."""
    try:
        key = load_pem_public_key(_read(file))
    except ValueError as error:
        raise KeyFileError(f"The file {file} holds no public key in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"The file {file} holds a key of another kind than Ed25519.")
    return key


def _boxed(secret: bytes, phrase: str) -> bytes:
    return bytes(pyrage.passphrase.encrypt(secret, phrase))


def _unboxed(file: Path, phrase: str) -> bytes:
    sealed = _read(file)
    for _ in range(_TRIES):
        try:
            return bytes(pyrage.passphrase.decrypt(sealed, phrase))
        except pyrage.DecryptError as error:
            # age guesses how long it would take from how busy the machine is just now, and does not begin if that is long.
            if "Excessive work" not in str(error):
                raise KeyFileError(f"The key {file} does not open: another pass-phrase, or a damaged file.") from error
            time.sleep(_PAUSE_S)
    raise KeyFileError(f"This machine is too busy to open the key {file} now; try again.")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The key file {file} cannot be read: {error.strerror}.") from error
    if len(raw) > _MAX_FILE_BYTES:
        raise KeyFileError(f"The file {file} is too large for a key.")
    return raw
