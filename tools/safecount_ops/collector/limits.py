"""How often somebody may come: token buckets, and who has gone so far wrong that they are excluded for a while.

A device is known by its certificate, everybody else by address (of IPv6 the first 64 bits: whoever has one has them all).
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from safecount.errors import UsageError
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database, DatabaseUnavailable
from safecount_ops.collector.tables import exclusion

LONGEST_EXCLUSION_S = 86_400
FORGIVEN_AFTER_S = 86_400
"""An exclusion that ended so long ago does not make the next one longer."""
_SUBJECTS = 20_000
_REFRESH_S = 2.0


def of_device(name: str) -> str:
    """The subject that a device is in this module."""
    return f"device:{name}"


def of_address(address: str) -> str:
    """The subject that an address is in this module."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        parsed = ipaddress.IPv6Network((parsed, 64), strict=False).network_address
    return f"address:{parsed}"


class Buckets:
    """Token buckets, one a subject. Remembers the subjects that came last, at most 20,000; a forgotten one is full again.

    `per_s`: how many a second are let in for ever; `burst`: how many at once after a rest.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, subject: str, now_s: float) -> float:
        """0 if one is let in now, or after how many seconds it may be tried again."""
        left, at_s = self._buckets.pop(subject, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - at_s) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[subject] = (left - 1 if not wait_s else left, now_s)
        if len(self._buckets) > _SUBJECTS:
            self._buckets.popitem(last=False)
        return wait_s

    def forget(self, subject: str) -> None:
        self._buckets.pop(subject, None)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A subject that is told to come again after `until_s`. `strikes`: which time it is."""

    subject: str
    since_s: int
    until_s: int
    reason: str
    strikes: int


class Exclusions:
    """The exclusions in the database, for all processes, as they were at most 2 s ago."""

    def __init__(self, database: Database, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic_s = monotonic_s
        self._until: Mapping[str, int] = {}
        self._due_s = float("-inf")

    def is_due(self) -> bool:
        """Whether `refresh` is due; it is then due for the caller only."""
        now_s = self._monotonic_s()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + _REFRESH_S
        return True

    def refresh(self, now_s: int) -> None:
        """Read them anew; a database that does not answer leaves what was read before."""
        try:
            self._until = {one.subject: one.until_s for one in self.all(now_s)}
        except DatabaseUnavailable:
            return

    def left_s(self, subject: str, now_s: int) -> int:
        """For how many seconds the subject is excluded; 0 if it is not."""
        return max(0, self._until.get(subject, 0) - now_s)

    def add(self, subject: str, reason: str, first_s: int, now_s: int) -> Exclusion:
        """Exclude a subject for `first_s` seconds, twice as long each time it comes to that again."""
        with self._database.writing() as connection:
            self._database.lock(connection, "exclusion")
            row = connection.execute(select(exclusion).where(exclusion.c.subject == subject)).one_or_none()
            strikes = row.strikes + 1 if row is not None and row.until + FORGIVEN_AFTER_S > now_s else 1
            length_s = min(LONGEST_EXCLUSION_S, first_s * 2 ** min(strikes - 1, 20))
            made = Exclusion(subject, now_s, now_s + length_s, reason, strikes)
            values = {"since": made.since_s, "until": made.until_s, "reason": reason, "strikes": strikes}
            if row is None:
                connection.execute(exclusion.insert().values(subject=subject, **values))
            else:
                connection.execute(exclusion.update().where(exclusion.c.subject == subject).values(**values))
            connection.execute(exclusion.delete().where(exclusion.c.until < now_s - FORGIVEN_AFTER_S))
            audit.append(self._database, connection, audit.Act(now_s, "collector", "exclude", subject))
        self._until = {**self._until, subject: made.until_s}
        return made

    def all(self, now_s: int) -> list[Exclusion]:
        """Who is excluded now, those that come back last first."""
        query = select(exclusion).where(exclusion.c.until > now_s).order_by(exclusion.c.until.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Exclusion(row.subject, row.since, row.until, row.reason, row.strikes) for row in rows]

    def readmit(self, subject: str, now_s: int, who: str) -> None:
        """Let a subject in again at once; UsageError if it is not excluded."""
        with self._database.writing() as connection:
            if connection.execute(exclusion.delete().where(exclusion.c.subject == subject)).rowcount != 1:
                raise UsageError(f"{subject} is not excluded; `safecount-ops collector excluded` tells who is.")
            audit.append(self._database, connection, audit.Act(now_s, who, "readmit", subject))
