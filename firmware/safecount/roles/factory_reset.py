"""Makes a device forget its owner: site, keys, certificates, counts that were not sent, Wi-Fi. Who it is it stays: identity key
and ownership secret, so that its label still holds.

A marker stands on the disk from before the first file goes until after the last has gone: a cut in between is made good at
the next start. The spool is the seal process's, which empties it when it finds `forget_file`. Files are unlinked; what a
card keeps of them below the file system, it keeps encrypted (docs/enrolment.md, "Taking a counter down").
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from safecount.edges.durable_file import remove_file, replace_file, sync_folder
from safecount.edges.identity import ENVELOPE_KEY_FILE, TLS_KEY_FILE
from safecount.edges.seal_keys import KEYSET_FILE, ROOT_FILE
from safecount.edges.site_files import CA_FILE, CERTIFICATE_FILE
from safecount.edges.small_file import read_small
from safecount.edges.wifi_file import WIFI_FILE
from safecount.settings import FolderSettings

CODE_FILE, SIGNER_FILE = "site.code", "signer.pub"
_BEGUN_FILE, _SPENT_FILE = "reset.begun", "card.spent"
_OURS_ALONE, _FOR_THE_GROUP = 0o600, 0o640


class FactoryReset:
    """The reset of the device in these folders. OSError from any step if the disk does not take it: do it again."""

    def __init__(self, folders: FolderSettings) -> None:
        self._folders = folders
        self._begun = folders.provision / _BEGUN_FILE
        self._spent = folders.provision / _SPENT_FILE

    @property
    def is_begun(self) -> bool:
        """Whether a reset was begun and not ended."""
        return self._begun.exists()

    def run(self, code_on_the_card: bytes) -> None:
        """Forget the owner. The code that lies on the card's first partition now is not taken again."""
        replace_file(self._spent, sha256(code_on_the_card).digest(), _OURS_ALONE)
        replace_file(self._begun, b"", _OURS_ALONE)
        self.resume()

    def resume(self) -> None:
        """Go on forgetting."""
        replace_file(self._folders.forget_file, b"", _FOR_THE_GROUP)
        for path in self._owners_files():
            remove_file(path)
        self._folders.session_file.unlink(missing_ok=True)
        self._begun.unlink(missing_ok=True)
        sync_folder(self._begun.parent)

    def is_spent(self, code_on_the_card: bytes) -> bool:
        """Whether this file lay on the card before the last reset: what it says was for the owner before."""
        return read_small(self._spent, 32) == sha256(code_on_the_card).digest()

    def _owners_files(self) -> Iterator[Path]:
        """Most telling first: without the site file the others stop at once."""
        folders = self._folders
        yield folders.site_file
        yield from (folders.seal / name for name in (ENVELOPE_KEY_FILE, KEYSET_FILE, ROOT_FILE))
        yield from (folders.uplink / name for name in (TLS_KEY_FILE, CERTIFICATE_FILE, CA_FILE, KEYSET_FILE))
        yield folders.reset_order_file
        yield from (folders.provision / name for name in (CODE_FILE, SIGNER_FILE))
        yield folders.wifi / WIFI_FILE
