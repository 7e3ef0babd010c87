"""The keys of a repository of releases, each a PEM file under the pass-phrase.

A folder `keys` may lie on a stick that is put in for a ceremony: each command says which keys it needs, and takes those
that are there.
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from safecount.errors import SafecountError, UsageError


class SigningKeys:
    """The folder of private keys. A file's name is its role and number, such as `root-2.pem`."""

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        self._folder = folder
        self._passphrase = passphrase

    def make(self, role: str, number: int) -> CryptoSigner:
        """A new Ed25519 key in a file that was not there before."""
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrase),
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{role}-{number}.pem"
        try:
            with path.open("xb") as file:
                path.chmod(0o600)
                file.write(pem)
        except FileExistsError as error:
            raise UsageError(f"The key {path} exists already; move it away before making another.") from error
        return CryptoSigner(key)

    def next_number(self, role: str) -> int:
        """The number of the next key of a role."""
        return max((int(path.stem.rsplit("-", 1)[1]) for path in self._folder.glob(f"{role}-*.pem")), default=0) + 1

    def load(self, role: str) -> list[CryptoSigner]:
        """The keys of a role that are there, by number."""
        return [CryptoSigner(self._read(path)) for path in sorted(self._folder.glob(f"{role}-*.pem"))]

    def _read(self, path: Path) -> Ed25519PrivateKey:
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), self._passphrase)
        except (OSError, ValueError, TypeError) as error:
            raise SafecountError(f"The key {path} cannot be opened; is the pass-phrase right?") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SafecountError(f"The key {path} is no Ed25519 key, as ours are.")
        return key
