"""What attackers know and do: each attack is the same story with a visit in it and without, and the loss declared for it.

Everything but the visit is known to the attacker, and the same in both arms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from safecount.counting.aggregator import Level, ReleaseSettings
from safecount.counting.values import Crossing, Direction
from safecount.wire.values import EPSILON, Profile
from safecount_ops.privacy_audit.device import Stopped, Story, Unwatched, Watched

ZONE = ZoneInfo("Europe/Berlin")
DOOR = "north"


@dataclass(frozen=True, slots=True)
class Attack:
    """`without` and `with_visit` hold a story for each day or device that is watched, and differ in the visits alone.
    `bound` is the privacy loss declared for them (epsilon).
    """

    name: str
    knows: str
    bound: Fraction
    why: str
    level: Level
    without: tuple[Story, ...]
    with_visit: tuple[Story, ...]
    doors: tuple[str, ...] = (DOOR,)

    @property
    def settings(self) -> ReleaseSettings:
        return ReleaseSettings("audited", self.doors, ZONE, self.level, "line-1", bytes(16))


def at(text: str) -> float:
    """UTC seconds of a local time on the audited day or, with a date before it, on another."""
    return datetime.fromisoformat(text if "T" in text else f"2026-06-10T{text}").replace(tzinfo=ZONE).timestamp()


def crossing(door: str = DOOR, direction: Direction = "in") -> Crossing:
    """Somebody at a door."""
    return Crossing("line", door, direction, 0.0, 1.0, 2.0)


def single_visit() -> Attack:
    """The worst case: one visit, and everything else known."""
    level = Level(Profile.STANDARD)

    def story(*visit: Crossing) -> Story:
        return Watched(at("10:00")), Watched(at("10:20"), visit), Unwatched(at("11:00")), Unwatched(at("23:59:59") + 1)

    return Attack(
        "single-visit",
        "everybody else's day, to the second; nobody else comes",
        EPSILON[level.profile],
        "one visit",
        level,
        (story(),),
        (story(crossing()),),
    )


def restart() -> Attack:
    """Is a bin that was open told of twice?"""
    level = Level(Profile.STANDARD)

    def story(*visit: Crossing) -> Story:
        return (
            Watched(at("10:00")),
            Watched(at("10:20"), visit),
            Stopped(at("10:30")),
            Watched(at("10:31")),
            Unwatched(at("11:00")),
            Unwatched(at("23:59:59") + 1),
        )

    return Attack(
        "restart",
        "the same, and makes the device stop and start again in the hour of the visit",
        EPSILON[level.profile],
        "one visit",
        level,
        (story(),),
        (story(crossing()),),
    )


ATTACKS: dict[str, Callable[[], Attack]] = {
    "single-visit": single_visit,
    "restart": restart,
}
