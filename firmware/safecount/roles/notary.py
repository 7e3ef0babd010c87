"""Signs validation certificates with the device's envelope key, for the set-up page, while a session is open.

The page's process has no key. What is signed is of one form, says rates in tens and percents, names this device and its
site, and carries a type of its own, so that it can be taken for no envelope.
"""

from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.edges.durable_file import replace_file
from safecount.edges.journal import Event, tell
from safecount.edges.session_file import open_session
from safecount.edges.small_file import WatchedFiles, read_small
from safecount.settings import FolderSettings, SiteSettings
from safecount.wire.errors import UntrustedInput
from safecount.wire.validation import MAX_CERTIFICATE_BYTES, decode_validation, sign_validation

_READABLE = 0o644


class Notary:
    """Remembers the stamp of the newest request."""

    def __init__(self, folders: FolderSettings, site: SiteSettings, key: Ed25519PrivateKey) -> None:
        self._folders = folders
        self._site = site
        self._key = key
        self._asked = WatchedFiles(folders.certify_file)
        with suppress(OSError):  # the page then shows no fingerprint
            replace_file(folders.device_key_file, key.public_key().public_bytes_raw(), _READABLE)

    def look(self) -> None:
        """Sign what the page would have signed, if it is new and may be."""
        if self._asked.changed() and open_session(self._folders.session_file) is not None:
            with suppress(OSError, UntrustedInput):  # what is not signed the page tells its user
                self._sign()

    def _sign(self) -> None:
        raw = read_small(self._folders.certify_file, MAX_CERTIFICATE_BYTES)
        if raw is None:
            return
        validation = decode_validation(raw)
        key = self._key.public_key().public_bytes_raw()
        if (validation.device, validation.site, validation.key) != (self._site.device, self._site.site, key):
            return
        replace_file(self._folders.certificate_file, sign_validation(validation, self._key), _READABLE)
        tell(Event.CERTIFIED)
