"""The opened counts: a SQLite table with one row a record, and how far the archive has been opened.

Made from the archive and the keys alone: it may be deleted, and is then made anew. A bin that a device told before is
not counted again; the second telling is kept as a refusal.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

from safecount.errors import SafecountError
from safecount.wire.values import Accelerator, ClockQuality, CountRecord, Node, Profile, State
from safecount_ops.controller.archive import Kept

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE records (number INTEGER PRIMARY KEY, device TEXT, epoch INTEGER, sequence INTEGER, site TEXT, door TEXT,
    node INTEGER, state INTEGER, start_s INTEGER, length_s INTEGER, day TEXT, zone TEXT, entered INTEGER,
    exited INTEGER, exits INTEGER, profile INTEGER, coverage_s INTEGER, accelerator INTEGER, clock INTEGER, rule TEXT,
    boot BLOB, closed_monotonic_s INTEGER, UNIQUE (device, site, door, node, start_s));
CREATE INDEX by_day ON records (site, day);
CREATE TABLE refusals (number INTEGER PRIMARY KEY, device TEXT, epoch INTEGER, sequence INTEGER, code INTEGER);
CREATE TABLE place (opened_up_to INTEGER);
INSERT INTO place VALUES (0);
"""
_COLUMNS = (
    "device, epoch, site, door, node, state, start_s, length_s, day, zone, entered, exited, exits, profile, "
    "coverage_s, accelerator, clock, rule, boot, closed_monotonic_s"
)


class CountsError(SafecountError):
    """The table of counts cannot be used; it can be deleted and made anew."""


class Refusal(IntEnum):
    """Why an envelope gives no count; kept by number."""

    NOT_SIGNED = 1
    OUT_OF_PLACE = 2
    NOT_FOR_US = 3
    NOT_OPENED = 4
    NO_RECORD = 5
    TOLD_TWICE = 6

    @property
    def text(self) -> str:
        """For people, after the name of an envelope."""
        return _REFUSAL_TEXTS[self]


_REFUSAL_TEXTS = {
    Refusal.NOT_SIGNED: "is not what the device signed",
    Refusal.OUT_OF_PLACE: "lies in the place of another",
    Refusal.NOT_FOR_US: "is sealed for keys that are not here",
    Refusal.NOT_OPENED: "does not open with the key that it is sealed for",
    Refusal.NO_RECORD: "holds no record that this program knows",
    Refusal.TOLD_TWICE: "tells a bin again that the device has told before",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A record, and who told it in which epoch."""

    device: str
    epoch: int
    record: CountRecord


@dataclass(frozen=True, slots=True)
class Refused:
    """An envelope that gave no count."""

    device: str
    epoch: int
    sequence: int
    why: Refusal


class Counts:
    """The counts at a path, made if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
            if self._one("PRAGMA user_version") == 0 and not self._one("SELECT COUNT(*) FROM sqlite_master"):
                path.chmod(0o600)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
            self._db.execute("PRAGMA secure_delete=ON")  # what is removed is overwritten
            self._db.execute("PRAGMA synchronous=NORMAL")  # made anew from the archive if it were ever lost
            version = self._one("PRAGMA user_version")
        except sqlite3.Error as error:
            raise CountsError(f"The counts {path} cannot be used ({error}): delete the file and open again.") from error
        if version != SCHEMA_VERSION:
            raise CountsError(f"The counts {path} have format {version}: delete the file and open again.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()

    def opened_up_to(self) -> int:
        """The number in the archive of the last envelope that was looked at."""
        return self._one("SELECT opened_up_to FROM place")

    def take(
        self, told: Sequence[tuple[Kept, CountRecord]], refused: Sequence[tuple[Kept, Refusal]], up_to: int
    ) -> None:
        """Keep what a stretch of the archive gave, and how far it went, in one transaction."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                refusals = list(refused) + [
                    (kept, Refusal.TOLD_TWICE) for kept, record in told if not self._keep(kept, record)
                ]
                self._db.executemany(
                    "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?, ?)",
                    [(kept.number, kept.device, kept.epoch, kept.sequence, int(why)) for kept, why in refusals],
                )
                self._db.execute("UPDATE place SET opened_up_to = ?", (up_to,))
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _keep(self, kept: Kept, record: CountRecord) -> bool:
        """False if the device has told this bin in another envelope."""
        values = (
            kept.number,
            kept.device,
            kept.epoch,
            kept.sequence,
            record.site,
            record.door,
            int(record.node),
            int(record.state),
            record.start_s,
            record.length_s,
            record.day.isoformat(),
            record.zone,
            record.entered,
            record.exited,
            int(record.exits),
            int(record.profile),
            record.coverage_s,
            int(record.accelerator),
            int(record.clock),
            record.rule,
            record.boot,
            record.closed_monotonic_s,
        )
        marks = ", ".join("?" * len(values))
        if self._db.execute(f"INSERT OR IGNORE INTO records VALUES ({marks})", values).rowcount:  # noqa: S608 - marks only
            return True
        again = self._db.execute("SELECT 1 FROM records WHERE number = ?", (kept.number,)).fetchone()
        return again is not None  # looked at once more, not told once more

    def sites(self, after: int = 0) -> list[str]:
        """The sites that envelopes with a number above `after` have told of."""
        rows = self._rows("SELECT DISTINCT site FROM records WHERE number > ? ORDER BY site", (after,))
        return [str(row[0]) for row in rows]

    def told(self, site: str, first: date | None = None, last: date | None = None) -> list[Told]:
        """A site's records by door, kind and time; of the local days from `first` to `last`, where they are given."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM records WHERE site = ? AND day >= ? AND day <= ? ORDER BY door, node, start_s, number",  # noqa: S608 - constants
            (site, first.isoformat() if first else "", last.isoformat() if last else "9"),
        )
        return [_told(row) for row in rows]

    def refused(self) -> list[Refused]:
        rows = self._rows("SELECT device, epoch, sequence, code FROM refusals ORDER BY device, epoch, sequence")
        return [Refused(device, epoch, sequence, Refusal(code)) for device, epoch, sequence, code in rows]

    def count(self) -> int:
        return self._one("SELECT COUNT(*) FROM records")

    def could_not_open(self) -> dict[tuple[str, int], int]:
        """The first envelope of each chain (device, epoch) that may open yet, with a key that is not here."""
        query = "SELECT device, epoch, MIN(sequence) FROM refusals WHERE code != ? GROUP BY device, epoch"
        return {(device, epoch): first for device, epoch, first in self._rows(query, (int(Refusal.TOLD_TWICE),))}

    def sites_of(self, device: str) -> list[str]:
        """The sites that a device has told of."""
        rows = self._rows("SELECT DISTINCT site FROM records WHERE device = ? ORDER BY site", (device,))
        return [str(row[0]) for row in rows]

    def devices_of(self, site: str) -> list[str]:
        """The devices that have told of a site."""
        rows = self._rows("SELECT DISTINCT device FROM records WHERE site = ? ORDER BY device", (site,))
        return [str(row[0]) for row in rows]

    def forget(self, device: str, epoch: int | None = None, up_to: int | None = None) -> None:
        """Remove what a device has told, of one chain up to a sequence where they are given."""
        for table in ("records", "refusals"):
            self._rows(
                f"DELETE FROM {table} WHERE device = ?1 AND (?2 IS NULL OR epoch = ?2 AND sequence <= ?3)",  # noqa: S608 - constants
                (device, epoch, up_to),
            )

    def try_refused_again(self) -> None:
        """Go back to the first envelope that was refused: a key that was missing may be here now."""
        with self._translated():
            self._db.execute(
                "UPDATE place SET opened_up_to = MIN(opened_up_to, COALESCE("
                "(SELECT MIN(number) - 1 FROM refusals WHERE code != ?), opened_up_to))",
                (int(Refusal.TOLD_TWICE),),
            )
            self._db.execute("DELETE FROM refusals WHERE code != ?", (int(Refusal.TOLD_TWICE),))

    def _rows(self, query: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._db.execute(query, tuple(values)).fetchall()

    def _one(self, query: str) -> int:
        with self._translated():
            return int(self._db.execute(query).fetchone()[0])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CountsError(
                f"The counts {self._path} cannot be used ({error}): delete the file and open again."
            ) from error


def _told(row: tuple[Any, ...]) -> Told:
    (
        device,
        epoch,
        site,
        door,
        node,
        state,
        start_s,
        length_s,
        day,
        zone,
        entered,
        exited,
        exits,
        profile,
        coverage_s,
        accelerator,
        clock,
        rule,
        boot,
        monotonic_s,
    ) = row
    record = CountRecord(
        site=site,
        door=door,
        node=Node(node),
        state=State(state),
        start_s=start_s,
        length_s=length_s,
        day=date.fromisoformat(day),
        zone=zone,
        entered=entered,
        exited=exited,
        exits=bool(exits),
        profile=Profile(profile),
        coverage_s=coverage_s,
        accelerator=Accelerator(accelerator),
        clock=ClockQuality(clock),
        rule=rule,
        boot=boot,
        closed_monotonic_s=monotonic_s,
    )
    return Told(device, epoch, record)
