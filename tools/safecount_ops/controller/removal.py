"""Takes out of the archive what is to be there no more, and leaves in it what `verify` needs to tell that from a loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from safecount_ops.controller.archive_file import ArchiveFile

_TABLES_OF_A_DEVICE = ("envelopes", "devices", "claims", "findings", "removed")


@dataclass(frozen=True, slots=True)
class Portion:
    """The envelopes of a chain up to a sequence, `count` of them."""

    device: str
    epoch: int
    up_to: int
    count: int


class Removals(ArchiveFile):
    """The archive, as those see it that remove."""

    def old(self, before_s: int, opened_up_to: int, could_not_open: Mapping[tuple[str, int], int]) -> list[Portion]:
        """The beginning of each chain that was pulled before a time (UTC seconds), as far as it was opened.

        `could_not_open`: the first envelope of a chain (device, epoch) that may still open with another key.
        """
        rows = self._rows(
            "SELECT device, epoch, MIN(CASE WHEN pulled_at_s >= ?1 OR id > ?2 THEN sequence END), MAX(sequence) "
            "FROM envelopes GROUP BY device, epoch ORDER BY device, epoch",
            (before_s, opened_up_to),
        )
        found = []
        for device, epoch, first_young, last in rows:
            stops = [one for one in (first_young, could_not_open.get((device, epoch))) if one is not None]
            up_to = min([last + 1, *stops]) - 1
            query = "SELECT COUNT(*) FROM envelopes WHERE device = ? AND epoch = ? AND sequence <= ?"
            if count := self._one(query, (device, epoch, up_to)):
                found.append(Portion(device, epoch, up_to, count))
        return found

    def remove(self, portion: Portion, at_s: int) -> None:
        """Remove it, and keep the digest of its last envelope, which the next one names."""
        place = (portion.device, portion.epoch, portion.up_to)
        with self._transaction():
            last = self._db.execute(
                "SELECT sequence, CAST(raw AS BLOB) FROM envelopes WHERE device = ? AND epoch = ? AND sequence <= ? "
                "ORDER BY sequence DESC LIMIT 1",
                place,
            ).fetchone()
            digest = sha256(last[1]).digest()
            self._db.execute(
                "INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?, ?)",
                (portion.device, portion.epoch, last[0], digest, at_s),
            )
            self._db.execute("DELETE FROM envelopes WHERE device = ? AND epoch = ? AND sequence <= ?", place)

    def forget(self, device: str, at_s: int) -> int:
        """Remove all that is here of a device, which is pulled no more from now on; how many envelopes."""
        with self._transaction():
            count = self._db.execute("SELECT COUNT(*) FROM envelopes WHERE device = ?", (device,)).fetchone()[0]
            self._db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?, ?)", (device, at_s, count))
            for table in _TABLES_OF_A_DEVICE:
                self._db.execute(f"DELETE FROM {table} WHERE device = ?", (device,))  # noqa: S608 - constants
        return int(count)

    def remember(self, device: str) -> bool:
        """Pull a device again from its beginning; False if it was not forgotten."""
        with self._transaction():
            return bool(self._db.execute("DELETE FROM forgotten WHERE device = ?", (device,)).rowcount)

    def scrub(self) -> None:
        """Leave no copy of what was removed in SQLite's log."""
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
