"""The fleet's key: signs the site codes of all devices on a list, the list, and orders to reset one of them.

It stays off the collector, as PKCS #8 under a pass-phrase; the public half lies beside it.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from safecount.errors import UsageError
from safecount_ops.controller.home import write_private


def make_fleet_key(path: Path, phrase: str) -> Path:
    """Make the key at `path`; gives the path of its public half. UsageError if there is one already."""
    if path.exists():
        raise UsageError(f"There is a key {path} already: name another file.")
    key = Ed25519PrivateKey.generate()
    write_private(
        path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(phrase.encode("utf-8")))
    )
    public = path.with_suffix(".pub")
    write_private(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def load_fleet_key(path: Path, phrase: str) -> Ed25519PrivateKey:
    """The key in that file; UsageError if it cannot be read or the pass-phrase is another's."""
    try:
        key = load_pem_private_key(path.read_bytes(), phrase.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"The fleet's key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"The fleet's key {path} does not open: another pass-phrase, or a damaged file.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"The fleet's key {path} is no Ed25519 key: make one with `enrol-batch key`.")
    return key
