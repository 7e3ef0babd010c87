"""How well two observers of one door agree: a person who presses a button when somebody passes, and the device.

Both give a list of times. The two are paired in order, each passing with at most one press within TOLERANCE_S; what has
no partner was missed, or counted for nothing. The rate is that of the paired among all, with the exact interval of
Clopper and Pearson (1934). Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, lgamma, log

from safecount.wire.validation import TENS, Rate

TOLERANCE_S = 2.5
"""People press within a second or so of what they see, and see somebody cross up to a second before or after the device
takes the crossing as done."""
CONFIDENCE = 0.95
_BISECTIONS = 60


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many passings both saw, only the person, only the device."""

    paired: int
    missed: int
    extra: int

    @property
    def passings(self) -> int:
        return self.paired + self.missed + self.extra

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.paired + other.paired, self.missed + other.missed, self.extra + other.extra)


NOTHING_SEEN = Agreement(0, 0, 0)


def agree(
    pressed_s: Sequence[float],
    counted_s: Sequence[float],
    span_s: tuple[float, float],
    tolerance_s: float = TOLERANCE_S,
) -> Agreement:
    """Compare the two within a span of time.

    Pairs are made in the order of time, which for two lists of points and one tolerance makes as many as can be made.
    What happened within the tolerance of the span's ends is left out, since its partner may lie outside: a passing is
    where the device counted it, or where it was pressed if it did not.

    Args:
        pressed_s: when the person pressed, ascending.
        counted_s: when the device counted, ascending.
        span_s: begin and end of the round.
        tolerance_s: how far apart two of one passing may be.
    """
    earliest, latest = span_s[0] + tolerance_s, span_s[1] - tolerance_s
    paired = missed = extra = 0
    p = c = 0
    while p < len(pressed_s) or c < len(counted_s):
        apart = (
            pressed_s[p] - counted_s[c]
            if p < len(pressed_s) and c < len(counted_s)
            else (float("inf") if p == len(pressed_s) else float("-inf"))
        )
        if abs(apart) <= tolerance_s:
            paired += earliest <= counted_s[c] <= latest
            p, c = p + 1, c + 1
        elif apart > 0:
            extra += earliest <= counted_s[c] <= latest
            c += 1
        else:
            missed += earliest <= pressed_s[p] <= latest
            p += 1
    return Agreement(paired, missed, extra)


def rate_of(seen: Agreement) -> Rate:
    """The rate as it may leave the device: whole percents, the interval rounded outwards, passings in tens.

    Raises:
        ValueError: there was no passing at all.
    """
    low, high = interval(seen.paired, seen.passings)
    return Rate(
        passings=seen.passings // TENS * TENS,
        percent=round(100 * seen.paired / seen.passings),
        low=floor(100 * low),
        high=ceil(100 * high),
    )


def interval(hits: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a binomial share (Clopper and Pearson, Biometrika 26, 1934, 404-413).

    Raises:
        ValueError: no trials, or more hits than trials.
    """
    if not 0 <= hits <= of or of < 1:
        raise ValueError(f"there is no share of {hits} in {of}")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else _solve(lambda share: 1.0 - _at_most(hits - 1, of, share), tail)
    high = 1.0 if hits == of else 1.0 - _solve(lambda share: 1.0 - _at_most(of - hits - 1, of, share), tail)
    return low, high


def _solve(rising: Callable[[float], float], value: float) -> float:
    """Where a function that rises from 0 at 0 to 1 at 1 takes a value."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return low


def _at_most(hits: int, of: int, share: float) -> float:
    """The probability of at most so many hits."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return 1.0 if hits >= of else 0.0
    whole, yes, no = lgamma(of + 1), log(share), log(1.0 - share)
    return min(
        1.0,
        sum(exp(whole - lgamma(k + 1) - lgamma(of - k + 1) + k * yes + (of - k) * no) for k in range(hits + 1)),
    )
