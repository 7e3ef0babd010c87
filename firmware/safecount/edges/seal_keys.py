"""What the seal process seals with: the device's signing key, and the controller's keyset with the root key that it must
be signed by.

Provisioning puts all three there; a newer keyset comes from the uplink and is taken only with the root's signature.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from safecount.edges.durable_file import replace_file
from safecount.edges.small_file import read_small
from safecount.errors import SafecountError
from safecount.wire.errors import UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES, Keyset, verify_keyset

KEYSET_FILE = "keyset.cbor"
ROOT_FILE = "root.pub"
SIGNING_FILE = "signing.pem"
_MAX_KEY_BYTES = 4096
_READABLE = 0o644


class KeysUnusable(SafecountError):  # noqa: N818 - it names their state
    """The signing key, the root key or the keyset is not what it must be."""


def signing_key(folder: Path) -> Ed25519PrivateKey | None:
    """The key that envelopes are signed with; None before provisioning has made it."""
    raw = _read(folder / SIGNING_FILE, _MAX_KEY_BYTES)
    if raw is None:
        return None
    try:
        key = load_pem_private_key(raw, password=None)
    except ValueError as error:
        raise KeysUnusable(f"The key {folder / SIGNING_FILE} is damaged: enrol the device again.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysUnusable(f"The key {folder / SIGNING_FILE} is no Ed25519 key: enrol the device again.")
    return key


def current_keyset(folder: Path) -> Keyset | None:
    """The keyset in use; None before provisioning has put it there.

    Raises:
        KeysUnusable: it is not signed by the root key, or damaged.
    """
    raw, root = _read(folder / KEYSET_FILE, MAX_KEYSET_BYTES), _root(folder)
    if raw is None or root is None:
        return None
    try:
        return verify_keyset(raw, [root])
    except UntrustedInput as error:
        raise KeysUnusable(
            f"The keyset {folder / KEYSET_FILE} cannot be used ({error}): enrol the device again."
        ) from error


def take_keyset(folder: Path, untrusted: bytes, newer_than: int) -> Keyset:
    """Put a newer keyset in the place of the one in use.

    Raises:
        UntrustedInput: the root key did not sign it, or its serial is not above `newer_than`.
        OSError: the disk does not take it; the one before is still in use then.
    """
    root = _root(folder)
    keyset = verify_keyset(untrusted, [root] if root else [], newer_than=newer_than)
    replace_file(folder / KEYSET_FILE, untrusted, _READABLE)
    return keyset


def _read(path: Path, limit: int) -> bytes | None:
    try:
        return read_small(path, limit)
    except OSError as error:
        raise KeysUnusable(f"The file {path} cannot be read: {error.strerror}.") from error


def _root(folder: Path) -> Ed25519PublicKey | None:
    raw = _read(folder / ROOT_FILE, _MAX_KEY_BYTES)
    if raw is None:
        return None
    if len(raw) != 32:
        raise KeysUnusable(f"The root key {folder / ROOT_FILE} has not 32 bytes: enrol the device again.")
    return Ed25519PublicKey.from_public_bytes(raw)
