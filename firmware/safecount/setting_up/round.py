"""A validation round: somebody at the door presses a button for whoever passes, while the device counts unseen. Pure.

Times live in memory until the round is over; what is left of them then is a rate for each line and direction that had
passings enough.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from safecount.setting_up.agreement import Passing, agree, rate_of
from safecount.wire.validation import LEAST_PASSINGS, LineRate, Rate

MAX_EVENTS = 4000
"""Two people a second for half an hour; what comes after is not taken any more."""
Way = tuple[int, bool]
"""The number of a line, and whether inward."""


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round has shown. `whole` is None as long as there were fewer than LEAST_PASSINGS."""

    minutes: int
    whole: Rate | None
    rows: tuple[LineRate, ...]


class ValidationRound:
    """Remembers at most MAX_EVENTS presses and as many counts, until it is dropped."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self._presses: list[tuple[float, Way]] = []
        self._counts: list[tuple[float, Way]] = []

    @property
    def presses(self) -> int:
        return len(self._presses)

    def press(self, way: Way, at_s: float) -> bool:
        """Somebody was seen to pass; False if no more are taken."""
        return self._take(self._presses, way, at_s)

    def undo(self) -> bool:
        """Take the newest press back; False if there is none."""
        if not self._presses:
            return False
        self._presses.pop()
        return True

    def count(self, way: Way, at_s: float) -> None:
        """The device counted somebody."""
        self._take(self._counts, way, at_s)

    def finish(self, at_s: float) -> RoundResult:
        """Compare the two, now."""
        span_s = (self.started_s, at_s)
        pressed, counted = _by_way(self._presses), _by_way(self._counts)
        seen = {
            way: agree(sorted(pressed.get(way, ())), sorted(counted.get(way, ())), span_s)
            for way in sorted({*pressed, *counted})
        }
        whole = sorted(chain.from_iterable(seen.values()), key=lambda one: one.at_s)
        return RoundResult(
            minutes=max(1, int((at_s - self.started_s) / 60)),
            whole=rate_of(whole) if len(whole) >= LEAST_PASSINGS else None,
            rows=_rows(seen),
        )

    def _take(self, events: list[tuple[float, Way]], way: Way, at_s: float) -> bool:
        if len(events) >= MAX_EVENTS:
            return False
        events.append((at_s, way))
        return True


def _rows(seen: Mapping[Way, Sequence[Passing]]) -> tuple[LineRate, ...]:
    return tuple(LineRate(*way, rate_of(passings)) for way, passings in seen.items() if len(passings) >= LEAST_PASSINGS)


def _by_way(events: list[tuple[float, Way]]) -> dict[Way, list[float]]:
    sorted_out: defaultdict[Way, list[float]] = defaultdict(list)
    for at_s, way in events:
        sorted_out[way].append(at_s)
    return dict(sorted_out)
