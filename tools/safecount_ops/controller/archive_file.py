"""The archive's file: SQLite, append only. It refuses to change an envelope, and to delete one that is not on its list of
removals.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from safecount.errors import SafecountError

SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE devices (device TEXT, key BLOB, first_seen_s INTEGER, compared_s INTEGER, PRIMARY KEY (device, key));
CREATE TABLE envelopes (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, epoch INTEGER, sequence INTEGER, pulled_at_s INTEGER,
                        raw BLOB NOT NULL, UNIQUE (device, epoch, sequence));
CREATE TABLE claims (device TEXT, epoch INTEGER, last INTEGER, at_s INTEGER, PRIMARY KEY (device, epoch));
CREATE TABLE findings (kind TEXT, device TEXT, epoch INTEGER, sequence INTEGER, at_s INTEGER, text TEXT, raw BLOB,
                       UNIQUE (kind, device, epoch, sequence));
CREATE TABLE state (findings_left_out INTEGER);
INSERT INTO state VALUES (0);
CREATE TABLE removed (device TEXT, epoch INTEGER, up_to INTEGER, digest BLOB, at_s INTEGER, PRIMARY KEY (device, epoch));
CREATE TABLE forgotten (device TEXT PRIMARY KEY, at_s INTEGER, envelopes INTEGER);
CREATE TRIGGER kept_as_it_came BEFORE UPDATE ON envelopes BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER kept_for_good BEFORE DELETE ON envelopes
    WHEN NOT EXISTS (SELECT 1 FROM forgotten AS f WHERE f.device = OLD.device) AND NOT EXISTS (SELECT 1 FROM removed AS r
        WHERE r.device = OLD.device AND r.epoch = OLD.epoch AND r.up_to >= OLD.sequence)
    BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


class ArchiveError(SafecountError):
    """The archive cannot be used. What was kept before is not harmed by it."""


class ArchiveFile:
    """A connection to the archive at a path, which is made if it is not there."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        try:
            if read_only:
                self._db = sqlite3.connect(
                    f"file:{path.absolute()}?mode=ro", uri=True, timeout=20, isolation_level=None
                )
            else:
                self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
                self._create_once()
            version = self._one("PRAGMA user_version")
        except sqlite3.Error as error:
            raise ArchiveError(f"The archive {path} cannot be used: {error}.") from error
        if version != SCHEMA_VERSION:
            raise ArchiveError(f"The archive {path} has format {version}; this program reads {SCHEMA_VERSION}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()

    def _create_once(self) -> None:
        if self._one("PRAGMA user_version") == 0 and not self._one("SELECT COUNT(*) FROM sqlite_master"):
            self._path.chmod(0o600)
            self._db.execute("PRAGMA page_size=32768")  # seven envelopes a page; at 4096 each would take two
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA secure_delete=ON")  # what is removed is overwritten

    def _rows(self, query: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._db.execute(query, tuple(values)).fetchall()

    def _one(self, query: str, values: Iterable[object] = ()) -> int:
        with self._translated():
            return int(self._db.execute(query, tuple(values)).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ArchiveError(f"The archive {self._path} cannot be used: {error}.") from error
