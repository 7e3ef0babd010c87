"""One-time tokens of site codes: kept as digests, each for one serial, used by one device. SQLite in the collector's folder.

A token that was used gives the same device, with the same keys, its certificate again: an answer can be lost on its way.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from safecount.errors import SafecountError

TOKENS_FILE = "enrolment.db"
_TABLE = """CREATE TABLE IF NOT EXISTS token (
    digest BLOB PRIMARY KEY, serial TEXT NOT NULL, expires_s INTEGER NOT NULL, device TEXT) WITHOUT ROWID"""


class Verdict(Enum):
    """What a token is good for."""

    GOOD = "good"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OTHER_DEVICE = "for another device"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in one file; each call is a transaction that is on disk when it returns."""

    path: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Tokens":
        return cls(folder / TOKENS_FILE)

    def add(self, token: bytes, serial: str, expires_s: int) -> None:
        with self._open() as database:
            row = (sha256(token).digest(), serial, expires_s)
            database.execute("INSERT INTO token (digest, serial, expires_s) VALUES (?, ?, ?)", row)

    def redeem(self, token: bytes, serial: str, device: str, now_s: int) -> Verdict:
        """Whether `device`, which has proved its serial, may have a certificate for the token, which is then its own."""
        digest = sha256(token).digest()
        with self._open() as database:
            found = database.execute(
                "SELECT serial, expires_s, device FROM token WHERE digest = ?", (digest,)
            ).fetchone()
            if found is None:
                return Verdict.UNKNOWN
            owner, expires_s, user = found
            if owner != serial:
                return Verdict.OTHER_DEVICE
            if user is not None and user != device:
                return Verdict.USED
            if now_s >= expires_s:
                return Verdict.EXPIRED
            database.execute("UPDATE token SET device = ? WHERE digest = ?", (device, digest))
            return Verdict.GOOD

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self.path, isolation_level=None, timeout=20)
            try:
                database.execute("PRAGMA synchronous=FULL")
                database.execute("BEGIN IMMEDIATE")
                database.execute(_TABLE)
                yield database
                database.execute("COMMIT")
            finally:
                database.close()
        except sqlite3.Error as error:
            raise SafecountError(f"The tokens in {self.path} cannot be read or written: {error}.") from error
