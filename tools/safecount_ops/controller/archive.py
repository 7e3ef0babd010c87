"""The archive: every envelope as it came, with the keys it is checked against and what the collector did wrong.

Each page that was pulled is one transaction, on disk and synced when `keep` returns. Remembers at most MAX_FINDINGS
findings, and counts those beyond.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from safecount.wire.envelope import Envelope
from safecount_ops.controller.archive_file import ArchiveFile

MAX_FINDINGS = 10_000
MAX_GAPS = 500


class Misdeed(Enum):
    """What a collector did that an honest one does not. The texts are read by people."""

    FORGED = "gave an envelope that the device has not signed"
    FOREIGN = "gave an envelope of another device or chain than was asked for"
    OUT_OF_ORDER = "gave an envelope again, or out of order"
    FORK = "gave another envelope for a number than before, both signed by the device"
    WITHHELD = "did not give envelopes that it says it has"
    REMOVED = "says that it has removed by age what was never fetched here"
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


@dataclass(frozen=True, slots=True)
class Removed:
    """The envelopes of a chain up to a sequence are not kept any more: `digest` is the SHA-256 of the last of them, where it
    was removed here; None where it had gone from the collector before it was ever fetched, and that is its word.
    """

    device: str
    epoch: int
    up_to: int
    digest: bytes | None
    at_s: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A device that is not pulled any more, and how many envelopes of it were deleted when (UTC seconds)."""

    device: str
    at_s: int
    envelopes: int


class Archive(ArchiveFile):
    """What is kept, and what was removed on purpose."""

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
            "UNION ALL SELECT device, epoch, 0, 0, last FROM claims "
            "UNION ALL SELECT device, epoch, 0, up_to, 0 FROM removed) GROUP BY device, epoch ORDER BY device, epoch"
        )
        return [Chain(*row) for row in rows]

    def removed(self, device: str, epoch: int) -> Removed | None:
        """What was removed of a chain on purpose, if anything was."""
        query = "SELECT device, epoch, up_to, digest, at_s FROM removed WHERE device = ? AND epoch = ?"
        rows = self._rows(query, (device, epoch))
        return Removed(*rows[0]) if rows else None

    def accept_removed(self, device: str, epoch: int, up_to: int, at_s: int) -> None:
        """Take the collector's word that it has removed what was never fetched here, up to a sequence."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO removed VALUES (?, ?, ?, NULL, ?) ON CONFLICT DO UPDATE SET "
                "digest = NULL, at_s = excluded.at_s, up_to = excluded.up_to WHERE excluded.up_to > up_to",
                (device, epoch, up_to, at_s),
            )

    def forgotten(self) -> list[Forgotten]:
        """The devices that are not pulled any more."""
        return [Forgotten(*row) for row in self._rows("SELECT device, at_s, envelopes FROM forgotten ORDER BY device")]

    def kept_up_to(self, device: str, epoch: int, sequence: int) -> int:
        """How many envelopes of a chain up to a sequence are kept, or were until they were removed here."""
        here = self.removed(device, epoch)
        below = here.up_to if here is not None else 0
        query = "SELECT COUNT(*) FROM envelopes WHERE device = ? AND epoch = ? AND sequence > ? AND sequence <= ?"
        return min(below, sequence) + self._one(query, (device, epoch, below, sequence))

    def gaps(self, device: str, epoch: int, last: int) -> list[tuple[int, int]]:
        """The runs of sequences up to `last` that are not kept and were not removed, as (first, last); at most MAX_GAPS."""
        removed = self.removed(device, epoch)
        below = removed.up_to if removed is not None else 0
        place = (device, epoch, below, last)
        found: list[tuple[int, int]] = [
            (before + 1, sequence - 1)
            for before, sequence in self._rows(
                "SELECT before, sequence FROM (SELECT sequence, LAG(sequence, 1, ?3) OVER (ORDER BY sequence) AS before "
                "FROM envelopes WHERE device = ?1 AND epoch = ?2 AND sequence > ?3 AND sequence <= ?4) "
                "WHERE sequence > before + 1 ORDER BY sequence LIMIT ?5",
                (*place, MAX_GAPS),
            )
        ]
        highest = self._one(
            "SELECT COALESCE(MAX(sequence), ?3) FROM envelopes "
            "WHERE device = ?1 AND epoch = ?2 AND sequence > ?3 AND sequence <= ?4",
            place,
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
