"""Who owns the device: what provisioning has put in place, read as one."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.edges.clock import file_date_s
from safecount.edges.journal import Event, tell
from safecount.edges.seal_keys import KEYSET_FILE, ROOT_FILE, SIGNING_FILE, KeysUnusable, current_keyset, signing_key
from safecount.edges.small_file import WatchedFiles
from safecount.errors import UsageError
from safecount.settings import FolderSettings, SiteSettings, read_site
from safecount.wire.keyset import Keyset


@dataclass(frozen=True, slots=True)
class Ownership:
    """The site with the device's name, and the controller's keyset. `since_s` is when the site was written, UTC."""

    site: SiteSettings
    keyset: Keyset
    since_s: int


def read_ownership(folders: FolderSettings) -> Ownership | None:
    """Whose the device is; None until all of it is there and can be used."""
    try:
        site, keyset = read_site(folders.site_file), current_keyset(folders.seal)
    except (UsageError, KeysUnusable):
        tell(Event.SITE_UNREADABLE)
        return None
    if site is None or keyset is None:
        return None
    return Ownership(site, keyset, file_date_s(folders.site_file))


def read_signing_key(folders: FolderSettings) -> Ed25519PrivateKey | None:
    """The key that envelopes are signed with; None until there is one that can be used."""
    try:
        return signing_key(folders.seal)
    except KeysUnusable:
        tell(Event.SITE_UNREADABLE)
        return None


def ownership_files(folders: FolderSettings) -> WatchedFiles:
    """All that `read_ownership` and `read_signing_key` read."""
    return WatchedFiles(folders.site_file, *(folders.seal / name for name in (KEYSET_FILE, ROOT_FILE, SIGNING_FILE)))
