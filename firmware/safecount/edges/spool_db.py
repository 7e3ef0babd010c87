"""The spool: envelopes that wait for a receipt, in an SQLite file that the seal and the uplink process share.

SQLite in WAL mode with synchronous=FULL: what a method has written is on disk and synced when it returns, and a process
that is killed at any point leaves the file as it was before or after the call. Holds at most `capacity` envelopes, a
year of them by default; beyond that the oldest is given up and counted. On a full disk nothing is given up: the call
fails, and may be repeated.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Self

from safecount.delivery.ports import NotAccountable, StoredEnvelope
from safecount.delivery.sealer import Sealed
from safecount.edges.spool_file import SpoolTooNew, make_file, translated
from safecount.wire.chain import Link, start_of
from safecount.wire.errors import Reason
from safecount.wire.receipt import Receipt
from safecount.wire.values import BinOpened, CountRecord, LedgerRow, Node, State

SCHEMA_VERSION = 1
YEAR_OF_ENVELOPES = 40_000
"""Four doors with 25 bins a day each for 366 days, and four health records a day."""
MAX_LEDGER_ROWS = 64
_BUSY_TIMEOUT_S = 20.0
_SCHEMA = """
CREATE TABLE envelopes (epoch INTEGER, sequence INTEGER, refused INTEGER NOT NULL DEFAULT 0, raw BLOB NOT NULL,
                        PRIMARY KEY (epoch, sequence));
CREATE TABLE ledger (door TEXT, node INTEGER, start_s INTEGER, end_s INTEGER, open INTEGER,
                     PRIMARY KEY (door, node, start_s));
CREATE TABLE state (epoch INTEGER, sequence INTEGER, digest BLOB, dropped INTEGER, received_at_s INTEGER);
"""


class SpoolDb:
    """A spool at a path; implements `delivery.ports.Outbox` and `Backlog`.

    `new_epoch` numbers the chain if the file is made now; it must be above that of any chain the device had before, as
    the UTC seconds of the moment are. None makes no file: the spool must be there. `accounted` is what the ledger of a
    file that is made now begins with.
    """

    def __init__(
        self,
        path: Path,
        *,
        new_epoch: int | None,
        capacity: int = YEAR_OF_ENVELOPES,
        accounted: Sequence[LedgerRow] = (),
    ) -> None:
        self._capacity = capacity
        self._path = path
        with ExitStack() as undo, translated(path):
            make_file(path, make=new_epoch is not None)
            self._db = undo.enter_context(closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)))
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            if new_epoch is None:
                # Up to version 3.51.2 SQLite can lose what was committed when one connection begins its log anew while
                # another copies the log back (sqlite.org/wal.html#walresetbug). So one of the two copies, and it alone.
                self._db.execute("PRAGMA wal_autocheckpoint=0")
            self._create_once(new_epoch, accounted)
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _create_once(self, new_epoch: int | None, accounted: Sequence[LedgerRow]) -> None:
        with self._transaction():
            version = self._number("PRAGMA user_version")
            if version == 0 and new_epoch is not None and not self._number("SELECT COUNT(*) FROM sqlite_master"):
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                start = start_of(new_epoch)
                self._db.execute(
                    "INSERT INTO state VALUES (?, ?, ?, 0, 0)", (start.epoch, start.sequence, start.digest)
                )
                self._db.executemany(
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
                    [(row.door, row.node, row.start_s, row.end_s, row.open) for row in accounted],
                )
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise SpoolTooNew(f"The spool {self._path} has format {version}; this program reads {SCHEMA_VERSION}.")

    def head(self) -> Link:
        with translated(self._path):
            epoch, sequence, digest = self._db.execute("SELECT epoch, sequence, digest FROM state").fetchone()
        return Link(epoch, sequence, digest)

    def ledger(self) -> list[LedgerRow]:
        """What is accounted for, for the counting side to go on from."""
        with translated(self._path):
            rows = self._db.execute("SELECT door, node, start_s, end_s, open FROM ledger ORDER BY door, node, start_s")
            return [
                LedgerRow(door, Node(node), start_s, end_s, bool(opened)) for door, node, start_s, end_s, opened in rows
            ]

    def open_bin(self, opened: BinOpened) -> None:
        with self._transaction():
            if self._overlapping(opened.door, opened.node, opened.start_s, opened.end_s):
                raise NotAccountable(f"The bin of {opened.door} at {opened.start_s} was opened before.")
            self._db.execute(
                "INSERT INTO ledger VALUES (?, ?, ?, ?, 1)", (opened.door, opened.node, opened.start_s, opened.end_s)
            )

    def append(self, sealed: Sealed, record: CountRecord | None) -> None:
        link = sealed.link
        with self._transaction():
            if record is not None:
                self._account(record)
            moved = self._db.execute(
                "UPDATE state SET sequence = ?1, digest = ?2 WHERE epoch = ?3 AND sequence = ?1 - 1",
                (link.sequence, link.digest, link.epoch),
            )
            if moved.rowcount != 1:
                raise ValueError(f"envelope {link.epoch}/{link.sequence} does not follow the head of the chain")
            self._make_room()
            self._db.execute(
                "INSERT INTO envelopes (epoch, sequence, raw) VALUES (?, ?, ?)", (link.epoch, link.sequence, sealed.raw)
            )

    def unsent(self, limit: int) -> list[StoredEnvelope]:
        with translated(self._path):
            rows = self._db.execute(
                "SELECT epoch, sequence, raw FROM envelopes WHERE refused = 0 ORDER BY epoch, sequence LIMIT ?",
                (limit,),
            ).fetchall()
        return [StoredEnvelope(epoch, sequence, sha256(raw).digest(), raw) for epoch, sequence, raw in rows]

    def drop(self, receipts: Sequence[Receipt]) -> None:
        with self._transaction():
            for receipt in receipts:
                place = (receipt.epoch, receipt.sequence)
                row = self._db.execute("SELECT raw FROM envelopes WHERE epoch = ? AND sequence = ?", place).fetchone()
                if row is not None and sha256(row[0]).digest() == receipt.digest:
                    self._db.execute("DELETE FROM envelopes WHERE epoch = ? AND sequence = ?", place)
            latest_s = max((receipt.received_at_s for receipt in receipts), default=0)
            self._db.execute("UPDATE state SET received_at_s = MAX(received_at_s, ?)", (latest_s,))

    def hold(self, envelope: StoredEnvelope, reason: Reason) -> None:
        with self._transaction():
            self._db.execute(
                "UPDATE envelopes SET refused = ? WHERE epoch = ? AND sequence = ?",
                (int(reason), envelope.epoch, envelope.sequence),
            )

    def dropped(self) -> int:
        """How many envelopes were given up for lack of capacity since the spool was made."""
        return self._number("SELECT dropped FROM state")

    def waiting(self) -> int:
        """How many envelopes the spool holds, refused ones among them."""
        return self._number("SELECT COUNT(*) FROM envelopes")

    def received_at_s(self) -> int:
        """The latest time in any receipt, a floor for the clock; 0 before the first."""
        return self._number("SELECT received_at_s FROM state")

    def _make_room(self) -> None:
        if self.waiting() >= self._capacity:
            self._db.execute(
                "DELETE FROM envelopes WHERE (epoch, sequence) IN "
                "(SELECT epoch, sequence FROM envelopes ORDER BY epoch, sequence LIMIT 1)"
            )
            self._db.execute("UPDATE state SET dropped = dropped + 1")

    def _overlapping(self, door: str, node: Node, start_s: int, end_s: int) -> list[tuple[int, int, int]]:
        return self._db.execute(
            "SELECT start_s, end_s, open FROM ledger WHERE door = ? AND node = ? AND start_s < ? AND ? < end_s",
            (door, node, end_s, start_s),
        ).fetchall()

    def _account(self, record: CountRecord) -> None:
        """The record's bin is done with: its row, if it was open, goes into the run before it."""
        door, node, start_s, end_s = record.door, record.node, record.start_s, record.start_s + record.length_s
        overlapping = self._overlapping(door, node, start_s, end_s)
        was_open = overlapping == [(start_s, end_s, 1)]
        if not was_open and (overlapping or record.state is State.RELEASED):
            raise NotAccountable(f"The bin of {door} at {start_s} is not open.")
        self._db.execute("DELETE FROM ledger WHERE door = ? AND node = ? AND start_s = ?", (door, node, start_s))
        joined = self._db.execute(
            "UPDATE ledger SET end_s = ? WHERE door = ? AND node = ? AND end_s = ? AND open = 0",
            (end_s, door, node, start_s),
        )
        if not joined.rowcount:
            self._db.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, 0)", (door, node, start_s, end_s))
            self._forget_oldest_hole(door, node)

    def _forget_oldest_hole(self, door: str, node: Node) -> None:
        """Keep the ledger bounded: the time between its two oldest runs is taken as accounted for."""
        done = self._db.execute(
            "SELECT start_s, end_s FROM ledger WHERE door = ? AND node = ? AND open = 0 ORDER BY start_s", (door, node)
        ).fetchall()
        if len(done) > MAX_LEDGER_ROWS:
            (first_s, _), (second_s, end_s) = done[:2]
            self._db.execute("DELETE FROM ledger WHERE door = ? AND node = ? AND start_s = ?", (door, node, second_s))
            self._db.execute(
                "UPDATE ledger SET end_s = ? WHERE door = ? AND node = ? AND start_s = ?", (end_s, door, node, first_s)
            )

    def _number(self, query: str) -> int:
        with translated(self._path):
            return int(self._db.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block, or nothing of it; on disk and synced when it ends."""
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
