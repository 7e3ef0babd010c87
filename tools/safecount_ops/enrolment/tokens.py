"""One-time tokens of site codes: kept as digests, each for one serial, used by one device. SQLite in the collector's folder.

A token that was used gives the same device, with the same keys, its certificate again: an answer can be lost on its way.
Beside them are the site codes of the fleet's list, for the devices on it to ask for.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from safecount.errors import SafecountError, UsageError
from safecount.wire.enrolment import Statement
from safecount_ops.enrolment.fleet_list import FleetList

TOKENS_FILE = "enrolment.db"
_TABLE = """CREATE TABLE IF NOT EXISTS token (
    digest BLOB PRIMARY KEY, serial TEXT NOT NULL, expires_s INTEGER NOT NULL, device TEXT) WITHOUT ROWID"""
_LISTED = """CREATE TABLE IF NOT EXISTS listed (
    serial TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, code TEXT NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID"""
_FLEETS = "CREATE TABLE IF NOT EXISTS fleet_token (digest BLOB PRIMARY KEY) WITHOUT ROWID"
_TAKEN = """CREATE TABLE IF NOT EXISTS taken (
    made_s INTEGER PRIMARY KEY, ends_s INTEGER NOT NULL) WITHOUT ROWID"""


class Verdict(Enum):
    """What a token is good for."""

    GOOD = "good"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OTHER_DEVICE = "for another device"
    USED = "used"
    ENDED = "of a list that is past its date"


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

    def take_list(self, taken: FleetList) -> None:
        """Put this list in the place of the one before. A device keeps nothing but what it has already enrolled with.

        Raises:
            UsageError: a list that is not newer than the last one that was taken.
        """
        with self._open() as database:
            before = database.execute("SELECT made_s FROM taken").fetchone()
            if before is not None and before[0] >= taken.made_s:
                raise UsageError("A list that is as new or newer was taken already: sign a new one.")
            database.execute("DELETE FROM token WHERE device IS NULL AND digest IN (SELECT digest FROM listed)")
            database.execute("DELETE FROM listed")
            rows = [(one, sha256(one.code.token).digest()) for one in taken.devices]
            database.executemany(
                "INSERT OR IGNORE INTO token (digest, serial, expires_s) VALUES (?, ?, ?)",
                [(digest, one.serial, one.code.expires_s) for one, digest in rows],
            )
            database.executemany("INSERT OR IGNORE INTO fleet_token VALUES (?)", [(digest,) for _, digest in rows])
            database.executemany(
                "INSERT INTO listed VALUES (?, ?, ?, ?)",
                [(one.serial, one.fingerprint, one.text, digest) for one, digest in rows],
            )
            database.execute("DELETE FROM taken")
            database.execute("INSERT INTO taken VALUES (?, ?)", (taken.made_s, taken.ends_s))

    def find_listed(self, statement: Statement, now_s: int) -> str | Verdict:
        """The text of the site code for the device that has made this statement, which has been verified."""
        with self._open() as database:
            found = database.execute(
                "SELECT fingerprint, code, device, ends_s FROM taken, listed JOIN token USING (digest) WHERE listed.serial = ?",
                (statement.serial,),
            ).fetchone()
        if found is None:
            return Verdict.UNKNOWN
        fingerprint, code, user, ends_s = found
        if fingerprint != sha256(statement.identity).digest():
            return Verdict.OTHER_DEVICE
        if user is not None and user != statement.device:
            return Verdict.USED
        return Verdict.ENDED if now_s >= ends_s else str(code)

    def has_listed(self, device: str) -> bool:
        """Whether the device of this name has enrolled by this or an earlier list."""
        with self._open() as database:
            query = "SELECT 1 FROM fleet_token JOIN token USING (digest) WHERE device = ?"
            return database.execute(query, (device,)).fetchone() is not None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self.path, isolation_level=None, timeout=20)
            try:
                database.execute("PRAGMA synchronous=FULL")
                database.execute("BEGIN IMMEDIATE")
                for table in (_TABLE, _LISTED, _FLEETS, _TAKEN):
                    database.execute(table)
                yield database
                database.execute("COMMIT")
            finally:
                database.close()
        except sqlite3.Error as error:
            raise SafecountError(f"The tokens in {self.path} cannot be read or written: {error}.") from error
