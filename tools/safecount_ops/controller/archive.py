"""The archive: every envelope as it came, with the keys it is checked against and what the collector did wrong.

SQLite, append only: the file itself refuses to change or delete an envelope. Each page that was pulled is one
transaction, on disk and synced when `keep` returns. Remembers at most MAX_FINDINGS findings, and counts those beyond.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self

from safecount.errors import SafecountError
from safecount.wire.envelope import Envelope

SCHEMA_VERSION = 1
MAX_FINDINGS = 10_000
MAX_GAPS = 500
_SCHEMA = """
CREATE TABLE devices (device TEXT, key BLOB, first_seen_s INTEGER, compared_s INTEGER, PRIMARY KEY (device, key));
CREATE TABLE envelopes (id INTEGER PRIMARY KEY, device TEXT, epoch INTEGER, sequence INTEGER, pulled_at_s INTEGER,
                        raw BLOB NOT NULL, UNIQUE (device, epoch, sequence));
CREATE TABLE claims (device TEXT, epoch INTEGER, last INTEGER, at_s INTEGER, PRIMARY KEY (device, epoch));
CREATE TABLE findings (kind TEXT, device TEXT, epoch INTEGER, sequence INTEGER, at_s INTEGER, text TEXT, raw BLOB,
                       UNIQUE (kind, device, epoch, sequence));
CREATE TABLE state (findings_left_out INTEGER);
INSERT INTO state VALUES (0);
CREATE TRIGGER kept_as_it_came BEFORE UPDATE ON envelopes BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER kept_for_good BEFORE DELETE ON envelopes BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


class ArchiveError(SafecountError):
    """The archive cannot be used. What was kept before is not harmed by it."""


class Misdeed(Enum):
    """What a collector did that an honest one does not. The texts are read by people."""

    FORGED = "gave an envelope that the device has not signed"
    FOREIGN = "gave an envelope of another device or chain than was asked for"
    OUT_OF_ORDER = "gave an envelope again, or out of order"
    FORK = "gave another envelope for a number than before, both signed by the device"
    WITHHELD = "did not give envelopes that it says it has"
    WITHDRAWN = "says that it has less than it said before"
    VANISHED = "does not name a device any more that it named before"
    UNREADABLE = "gave an answer that is none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One misdeed, with the first time it was seen (UTC seconds). `raw` is the evidence, where there is any."""

    misdeed: Misdeed
    device: str
    epoch: int
    sequence: int
    at_s: int
    text: str
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A device's raw Ed25519 key as the collector named it; `compared_s` is when a person compared it, or None."""

    device: str
    key: bytes
    first_seen_s: int
    compared_s: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    """What is kept of one epoch: how many envelopes, and the highest sequence; `claimed` is the collector's word."""

    device: str
    epoch: int
    count: int
    last: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope in the archive, still untrusted: the file may have been edited. `number` rises as they came."""

    number: int
    device: str
    epoch: int
    sequence: int
    untrusted: bytes


class Archive:
    """The archive at a path, made if it is not there."""

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

    def known_keys(self, device: str | None = None) -> list[KnownKey]:
        """The known keys of a device, or of all."""
        rows = self._rows(
            "SELECT device, key, first_seen_s, compared_s FROM devices WHERE ?1 IS NULL OR device = ?1 "
            "ORDER BY device, first_seen_s, key",
            (device,),
        )
        return [KnownKey(*row) for row in rows]

    def learn(self, device: str, key: bytes, at_s: int) -> bool:
        """Take note of a device's key; True if it was not known."""
        with self._transaction():
            done = self._db.execute("INSERT OR IGNORE INTO devices VALUES (?, ?, ?, NULL)", (device, key, at_s))
        return bool(done.rowcount)

    def compared(self, device: str, key: bytes, at_s: int) -> None:
        """A person has compared the key with the device's own."""
        with self._transaction():
            self._db.execute("UPDATE devices SET compared_s = ? WHERE device = ? AND key = ?", (at_s, device, key))

    def claim(self, device: str, epoch: int, last: int, at_s: int) -> int:
        """Take note of how far the collector says a chain goes; gives what it said before, 0 if nothing."""
        before = self._rows("SELECT last FROM claims WHERE device = ? AND epoch = ?", (device, epoch))
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", (device, epoch, last, at_s))
        return int(before[0][0]) if before else 0

    def keep(self, envelopes: Sequence[Envelope], at_s: int) -> None:
        """Keep envelopes that were verified; those that are there already are left as they are."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO envelopes (device, epoch, sequence, pulled_at_s, raw) VALUES (?, ?, ?, ?, ?)",
                [(one.header.device, one.header.epoch, one.header.sequence, at_s, one.raw) for one in envelopes],
            )

    def note(self, finding: Finding) -> None:
        """Keep a finding, the first of its kind and place; beyond MAX_FINDINGS they are counted only."""
        with self._transaction():
            if self._one("SELECT COUNT(*) FROM findings") >= MAX_FINDINGS:
                self._db.execute("UPDATE state SET findings_left_out = findings_left_out + 1")
                return
            self._db.execute(
                "INSERT OR IGNORE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    finding.misdeed.name,
                    finding.device,
                    finding.epoch,
                    finding.sequence,
                    finding.at_s,
                    finding.text,
                    finding.raw,
                ),
            )

    def findings(self) -> list[Finding]:
        rows = self._rows("SELECT kind, device, epoch, sequence, at_s, text, raw FROM findings ORDER BY at_s, rowid")
        return [Finding(Misdeed[kind], *rest) for kind, *rest in rows]

    def findings_left_out(self) -> int:
        return self._one("SELECT findings_left_out FROM state")

    def chains(self) -> list[Chain]:
        """Every chain that is kept or claimed, by device and epoch."""
        rows = self._rows(
            "SELECT device, epoch, SUM(n), MAX(last), MAX(claimed) FROM ("
            "SELECT device, epoch, COUNT(*) AS n, MAX(sequence) AS last, 0 AS claimed FROM envelopes "
            "GROUP BY device, epoch "
            "UNION ALL SELECT device, epoch, 0, 0, last FROM claims) GROUP BY device, epoch ORDER BY device, epoch"
        )
        return [Chain(*row) for row in rows]

    def gaps(self, device: str, epoch: int, last: int) -> list[tuple[int, int]]:
        """The runs of sequences from 1 to `last` that are not kept, as (first, last); at most MAX_GAPS of them."""
        place = (device, epoch, last)
        found: list[tuple[int, int]] = [
            (before + 1, sequence - 1)
            for before, sequence in self._rows(
                "SELECT before, sequence FROM (SELECT sequence, LAG(sequence, 1, 0) OVER (ORDER BY sequence) AS before "
                "FROM envelopes WHERE device = ? AND epoch = ? AND sequence <= ?) WHERE sequence > before + 1 "
                "ORDER BY sequence LIMIT ?",
                (*place, MAX_GAPS),
            )
        ]
        highest = self._one(
            "SELECT COALESCE(MAX(sequence), 0) FROM envelopes WHERE device = ? AND epoch = ? AND sequence <= ?", place
        )
        if highest < last and len(found) < MAX_GAPS:
            found.append((highest + 1, last))
        return found

    def raw(self, device: str, epoch: int, sequence: int) -> bytes | None:
        """The envelope of this number, or None."""
        rows = self._rows(
            "SELECT CAST(raw AS BLOB) FROM envelopes WHERE device = ? AND epoch = ? AND sequence = ?",
            (device, epoch, sequence),
        )
        return bytes(rows[0][0]) if rows else None

    def in_chain_order(self, device: str, epoch: int) -> Iterator[Kept]:
        """The envelopes of a chain by the number they are kept under."""
        with self._translated():
            for row in self._db.execute(
                "SELECT id, device, epoch, sequence, CAST(raw AS BLOB) FROM envelopes "
                "WHERE device = ? AND epoch = ? ORDER BY sequence",
                (device, epoch),
            ):
                yield Kept(*row)

    def as_they_came(self, after: int, up_to: int) -> list[Kept]:
        """The envelopes with a number above `after` and at most `up_to`."""
        rows = self._rows(
            "SELECT id, device, epoch, sequence, CAST(raw AS BLOB) FROM envelopes WHERE id > ? AND id <= ? ORDER BY id",
            (after, up_to),
        )
        return [Kept(*row) for row in rows]

    def last_number(self) -> int:
        return self._one("SELECT COALESCE(MAX(id), 0) FROM envelopes")

    def count(self) -> int:
        return self._one("SELECT COUNT(*) FROM envelopes")

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
