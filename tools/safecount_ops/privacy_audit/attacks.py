"""What attackers know and do: each attack is the same story with a visit in it and without, and the loss declared for it.

Everything but the visit is known to the attacker, and the same in both arms. Where an attack is about one visit's hour, the
other hours of the day are not lived through: their bins have draws of their own and hold nothing of the visit. `street`
lives through all of them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from safecount.counting.aggregator import Level, ReleaseSettings
from safecount.counting.values import Crossing, Direction
from safecount.wire.values import EPSILON, Node, Profile, node_epsilon
from safecount_ops.assets import find_asset
from safecount_ops.privacy_audit.device import Act, Cut, Relevelled, Stopped, Story, Unwatched, Watched
from safecount_ops.simulate.crowd import ASSET, read_crowds

ZONE = ZoneInfo("Europe/Berlin")
DOOR = "north"
STRICT, STANDARD, ACCURATE = Level(Profile.STRICT), Level(Profile.STANDARD), Level(Profile.ACCURATE)
BOTH_WAYS = Level(Profile.STANDARD, exits=True)
ENTERS = 50
"""One in so many who pass in the street comes in."""


class Sees(Enum):
    """What of the device's output the attacker reads."""

    MESSAGES = "all messages of the counting process, before sealing, and its log"
    OUTSIDE = "envelopes, without a key to open them, and the log"
    EVERYTHING = "envelopes, the records in them, and the log"


@dataclass(frozen=True, slots=True)
class Attack:
    """`without` and `with_visit` hold a story for each day that is watched, and differ in the visits alone. `bound` is
    the privacy loss (epsilon) declared for them, and `why` says how it comes about.
    """

    name: str
    knows: str
    bound: Fraction
    why: str
    level: Level
    without: tuple[Story, ...]
    with_visit: tuple[Story, ...]
    doors: tuple[str, ...] = (DOOR,)
    sees: Sees = Sees.MESSAGES

    @property
    def settings(self) -> ReleaseSettings:
        return ReleaseSettings("audited", self.doors, ZONE, self.level, "line-1", bytes(16))


def at(time: str) -> float:
    """UTC seconds of a local time on the audited day; 24:00 is its end."""
    if time == "24:00":
        return at("23:59") + 60
    return datetime.fromisoformat(f"2026-06-10T{time}").replace(tzinfo=ZONE).timestamp()


def crossing(door: str = DOOR, direction: Direction = "in") -> Crossing:
    """Somebody at a door."""
    return Crossing("line", door, direction, 0.0, 1.0, 2.0)


def _hour_and_day(*visits: Crossing) -> Story:
    """One hour with the visits in it, and the end of its day."""
    return Watched(at("10:20"), visits), Unwatched(at("11:00")), Unwatched(at("24:00"))


def _one_visit(
    name: str,
    knows: str,
    story: Callable[..., Story] = _hour_and_day,
    level: Level = STANDARD,
    sees: Sees = Sees.MESSAGES,
) -> Attack:
    bound = EPSILON[level.profile]
    return Attack(name, knows, bound, "one visit", level, (story(),), (story(crossing()),), sees=sees)


@cache
def street_hours() -> tuple[int, ...]:
    """People an hour in the door of a shop, on the day that is the middle one by its people in the busiest street of a real
    table of pedestrian counts.

    Raises:
        SafecountError: the table cannot be had.
    """
    days = read_crowds(find_asset(ASSET))
    totals: Counter[str] = Counter()
    for day in days:
        totals[day.place] += sum(day.hours)
    (busiest, _), *_ = totals.most_common(1)
    there = sorted((day for day in days if day.place == busiest), key=lambda day: sum(day.hours))
    return tuple(people // ENTERS for people in there[len(there) // 2].hours)


def _street() -> Attack:
    def story(*visit: Crossing) -> Story:
        frames: list[Act] = []
        for hour, people in enumerate(street_hours()):
            everybody = (crossing(),) * people + (visit if hour == 17 else ())
            frames.append(Watched(at(f"{hour:02}:00"), everybody))
        return *frames, Unwatched(at("24:00"))

    return _one_visit("street", "a whole day of a busy door, each hour's other people to the head", story)


def _regular(days: int, level: Level) -> Attack:
    return Attack(
        f"regular-{days}",
        f"somebody comes on each of {days} days or on none of them",
        days * EPSILON[level.profile],
        f"{days} visits add up",
        level,
        (_hour_and_day(),) * days,
        (_hour_and_day(crossing()),) * days,
    )


def _two_doors() -> Attack:
    doors = ("north", "south")
    seen = _hour_and_day(*(crossing(door) for door in doors))
    bound = 2 * EPSILON[STANDARD.profile]
    knows = "the same person passes two doors of the site"
    return Attack("two-doors", knows, bound, "a visit at each door", STANDARD, (_hour_and_day(),), (seen,), doors)


def _family() -> Attack:
    seen = _hour_and_day(*(crossing(),) * 3)
    bound = 3 * EPSILON[STANDARD.profile]
    return Attack(
        "family", "three come together, or none", bound, "three visits", STANDARD, (_hour_and_day(),), (seen,)
    )


def _in_and_out_story(*visit: Crossing, out_at: str = "11:20") -> Story:
    goes = (crossing(direction="out"),) if visit else ()
    early, late = (goes, ()) if out_at < "11:00" else ((), goes)
    return (
        Watched(at("10:00")),
        Watched(at("10:20"), visit),
        Watched(at("10:50"), early),
        Watched(at("11:00")),
        Watched(at("11:20"), late),
        Unwatched(at("12:00")),
        Unwatched(at("24:00")),
    )


def _stay() -> Attack:
    visit = crossing()
    return Attack(
        "stay",
        "somebody came at 10:20, and left at 10:50 or at 11:20",
        2 * node_epsilon(BOTH_WAYS.profile, Node.HOUR, exits=True),
        "one exit in the one hour or the other",
        BOTH_WAYS,
        (_in_and_out_story(visit, out_at="10:50"),),
        (_in_and_out_story(visit),),
    )


def _stopped_story(*visit: Crossing) -> Story:
    return (
        Watched(at("10:00")),
        Watched(at("10:20"), visit),
        Stopped(at("10:30")),
        Watched(at("10:31")),
        Unwatched(at("11:00")),
        Unwatched(at("24:00")),
    )


def _cut_story(*visit: Crossing) -> Story:
    """The power goes after the day's first visit hour has been told, and once more in an open hour."""
    return (
        Watched(at("10:00")),
        Watched(at("10:20"), visit),
        Watched(at("11:00")),
        Cut(),
        Watched(at("11:10")),
        Cut(),
        Watched(at("12:00")),
        Unwatched(at("13:00")),
        Unwatched(at("24:00")),
    )


def _clock_story(*visit: Crossing) -> Story:
    """The hour is over and told; then the clock is set back into it, and the hour passes a second time."""
    return (
        Watched(at("10:00")),
        Watched(at("10:20"), visit),
        Watched(at("11:30")),
        Watched(at("10:05")),
        Watched(at("10:40")),
        Unwatched(at("12:00")),
        Unwatched(at("24:00")),
    )


def _relevelled_story(*visit: Crossing) -> Story:
    return (
        Watched(at("09:00")),
        Relevelled(ACCURATE),
        Watched(at("10:00")),
        Watched(at("10:20"), visit),
        Unwatched(at("11:00")),
        Unwatched(at("24:00")),
    )


def _covered_story(*visit: Crossing) -> Story:
    """Frames up to the edge between two steps of the coverage, so that a second more would show."""
    frames: list[Act] = [Watched(at("10:20") + 5 * number, visit if number == 15 else ()) for number in range(31)]
    return *frames, Unwatched(at("11:00")), Unwatched(at("24:00"))


def _collector() -> Attack:
    others = (crossing(),) * 23  # the number after it takes a byte more in CBOR
    return Attack(
        "collector",
        "runs the collector and listens on the wire: sizes, number and order of envelopes, health records",
        Fraction(0),
        "nothing at all without a key",
        STANDARD,
        (_hour_and_day(*others),),
        (_hour_and_day(*others, crossing()),),
        sees=Sees.OUTSIDE,
    )


ATTACKS: dict[str, Callable[[], Attack]] = {
    "single-visit": lambda: _one_visit("single-visit", "everybody else's day to the second; nobody else comes"),
    "strict": lambda: _one_visit("strict", "the same, at the strict profile", level=STRICT),
    "accurate": lambda: _one_visit("accurate", "the same, at the accurate profile", level=ACCURATE),
    "in-and-out": lambda: _one_visit("in-and-out", "the same, where exits are counted", _in_and_out_story, BOTH_WAYS),
    "stay": _stay,
    "street": _street,
    "regular-5": lambda: _regular(5, STANDARD),
    "regular-22": lambda: _regular(22, STRICT),
    "two-doors": _two_doors,
    "family": _family,
    "restart": lambda: _one_visit("restart", "stops the device in the visit's hour; it starts again", _stopped_story),
    "power-cut": lambda: _one_visit("power-cut", "cuts the power twice after the visit", _cut_story),
    "clock-back": lambda: _one_visit("clock-back", "sets the clock back into the visit's hour", _clock_story),
    "profile": lambda: _one_visit("profile", "has the profile changed before the visit", _relevelled_story, STRICT),
    "coverage": lambda: _one_visit("coverage", "looks at the coarse fields beside the counts", _covered_story),
    "collector": _collector,
    "collusion": lambda: _one_visit("collusion", "collector, controller and installer together", sees=Sees.EVERYTHING),
}
