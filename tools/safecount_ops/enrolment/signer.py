"""The key that signs site codes. It lies in the collector's folder, and is made when it is first needed."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from safecount.errors import UsageError

SIGNER_FILE = "site-signer.pem"


def load_signer(folder: Path) -> Ed25519PrivateKey:
    """The signer of the sites of the collector in `folder`; UsageError if the file cannot be used."""
    path = folder / SIGNER_FILE
    try:
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        loaded = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise UsageError(f"The key {path} cannot be kept ({error.strerror}).") from error
    except ValueError as error:
        raise UsageError(f"The key {path} is damaged; put it back from its copy.") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise UsageError(f"The key {path} is no Ed25519 key; put it back from its copy.")
    return loaded
