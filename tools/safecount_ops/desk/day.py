"""A clip as a day at two doors: what the counter saw of it, shown again and again in slow motion, through the device's
own aggregator.

Pure. A clip lasts a minute, and a released bin an hour: so the clip's clock is stretched, and one showing follows the
other while the doors are open. Each counting line makes two doors, one for each way across it, since only who comes in is
counted. What is counted, once noise has been added, is all that leaves this stage; the sums beside it are the desk's own.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from safecount.counting.aggregator import Aggregator, Level, Message, Moment, ReleaseSettings
from safecount.counting.noise import RandBelow
from safecount.counting.values import Crossing, LineSettings
from safecount.wire.values import TEXT_MAX_BYTES, Accelerator, ClockQuality, LedgerRow, Profile
from safecount_ops.desk.result import ClipResult

ZONE = ZoneInfo("UTC")
OPEN_H = 8
SLOWER = (16, 12, 8, 6, 4, 3, 6, 8, 6, 4, 3, 8)
"""How many times slower the clip is shown, for each hour from OPEN_H on: quiet mornings, busy noons and evenings."""
LONG_CLIP_S = 600
"""A longer clip is shown faster in proportion, so that all of it is seen."""
STEP_S = 5
"""As far apart as two frames may be for the time between them to count as watched."""
STEPS = 24 * 3600 // STEP_S + 1
HOUR_S = 3600
MAX_DOORS = 8


@dataclass(frozen=True, slots=True)
class Door:
    """One way across a counting line: the seconds of the clip at which the counter saw somebody come in, and the true
    ones where they are known.
    """

    name: str
    line: LineSettings
    counted_s: tuple[float, ...]
    true_s: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class ClipDay:
    """A local day at doors, on which a clip of `clip_s` seconds is shown again and again, in slow motion, while
    they are open.
    """

    site: str
    doors: tuple[Door, ...]
    clip_s: float
    day: date

    @property
    def start_s(self) -> int:
        return int(datetime(self.day.year, self.day.month, self.day.day, tzinfo=ZONE).timestamp())

    def moments(self, in_clip_s: Sequence[float]) -> list[float]:
        """When, in UTC seconds, what happens at these seconds of the clip happens on this day."""
        opens_s = self.start_s + OPEN_H * HOUR_S
        closes_s = opens_s + len(SLOWER) * HOUR_S
        found: list[float] = []
        showing_s = float(opens_s)
        while showing_s < closes_s:
            slower = SLOWER[int(showing_s - opens_s) // HOUR_S] * min(1.0, LONG_CLIP_S / max(1.0, self.clip_s))
            found += [at for second in sorted(in_clip_s) if (at := showing_s + second * slower) < closes_s]
            showing_s += max(1.0, self.clip_s) * slower
        return found

    def by_hour(self, in_clip_s: Sequence[float]) -> Counter[int]:
        """How many of them lie in each hour, by its start in UTC seconds."""
        return Counter(int(at) // HOUR_S * HOUR_S for at in self.moments(in_clip_s))


def doors_of(result: ClipResult) -> tuple[Door, ...]:
    """Two doors a line, one for each way across, at most MAX_DOORS."""
    doors = []
    for line in result.lines:
        for direction in line.directions:
            counted = tuple(at for at, way in line.events if way == direction)
            true = None if line.true_events is None else tuple(at for at, way in line.true_events if way == direction)
            doors.append(Door(f"{short(line.line.name)}, {direction}", line.line, counted, true))
    return tuple(doors[:MAX_DOORS])


def short(name: str) -> str:
    """As much of a name as a record holds, with some words of ours behind it."""
    return name.encode()[: TEXT_MAX_BYTES - 8].decode(errors="ignore") or "clip"


def messages_of(
    day: ClipDay, rule: str, boot: bytes, ledger: Sequence[LedgerRow], randbelow: RandBelow
) -> Iterator[list[Message]]:
    """What the counting process hands over in the course of the day, step by step."""
    names = tuple(door.name for door in day.doors)
    level = Level(Profile.STANDARD)
    aggregator = Aggregator(ReleaseSettings(day.site, names, ZONE, level, rule, boot), randbelow, ledger)
    coming = sorted((at, door.name) for door in day.doors for at in day.moments(door.counted_s))
    place = 0
    for at_s in range(day.start_s, day.start_s + STEPS * STEP_S, STEP_S):
        came: list[Crossing] = []
        while place < len(coming) and coming[place][0] <= at_s:
            came.append(Crossing("clip", coming[place][1], "in", coming[place][0], 0.0, 0.0))
            place += 1
        moment = Moment(at_s, at_s - day.start_s, ClockQuality.SYNCED)
        yield aggregator.observe(moment, came, Accelerator.CPU)
