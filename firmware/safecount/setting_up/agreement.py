"""How well two observers of one door agree: a person who presses a button when somebody passes, and the device.

Both give a list of times. The two are paired in order, each passing with at most one press within TOLERANCE_S; what has
no partner was missed, or counted for nothing. The rate is that of the paired among all, with the exact interval of
Clopper and Pearson (1934), widened for people who come together. Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil, exp, floor, lgamma, log

from safecount.wire.validation import TENS, Rate

TOLERANCE_S = 2.5
"""People press within a second or so of what they see, and see somebody cross up to a second before or after the device
takes the crossing as done."""
CONFIDENCE = 0.95
TOGETHER_S = 2.0
LEAST_CLUSTERS = 5
"""Fewer say nothing of how much clusters vary."""
_BISECTIONS = 60


class Seen(Enum):
    """Who took note of a passing."""

    BOTH = 1
    PERSON = 2
    DEVICE = 3


@dataclass(frozen=True, slots=True)
class Passing:
    """Somebody passed at `at_s`: when the device counted it, or when it was pressed if the device did not."""

    at_s: float
    seen: Seen

    @property
    def right(self) -> bool:
        return self.seen is Seen.BOTH


def agree(
    pressed_s: Sequence[float],
    counted_s: Sequence[float],
    span_s: tuple[float, float],
    tolerance_s: float = TOLERANCE_S,
) -> list[Passing]:
    """Compare the two within a span of time; the passings in the order of their time.

    Pairs are made in the order of time, which for two lists of points and one tolerance makes as many as can be made.
    What happened within the tolerance of the span's ends is left out, since its partner may lie outside.

    Args:
        pressed_s: when the person pressed, ascending.
        counted_s: when the device counted, ascending.
        span_s: begin and end of the round.
        tolerance_s: how far apart two of one passing may be.
    """
    earliest, latest = span_s[0] + tolerance_s, span_s[1] - tolerance_s
    passings = []
    p = c = 0
    while p < len(pressed_s) or c < len(counted_s):
        press = pressed_s[p] if p < len(pressed_s) else float("inf")
        count = counted_s[c] if c < len(counted_s) else float("inf")
        if abs(press - count) <= tolerance_s:
            passings.append(Passing(count, Seen.BOTH))
            p, c = p + 1, c + 1
        elif count < press:
            passings.append(Passing(count, Seen.DEVICE))
            c += 1
        else:
            passings.append(Passing(press, Seen.PERSON))
            p += 1
    return sorted((one for one in passings if earliest <= one.at_s <= latest), key=lambda one: one.at_s)


def rate_of(passings: Sequence[Passing]) -> Rate:
    """The rate as it may leave the device: whole percents, the interval rounded outwards, passings in tens.

    Raises:
        ValueError: there was no passing at all.
    """
    right, of = sum(one.right for one in passings), len(passings)
    effective = max(1, floor(of / design_effect(passings)))
    # What is between two whole numbers counts for the wider interval on each side.
    low, _ = interval(right * effective // of, effective)
    _, high = interval(ceil(right * effective / of), effective)
    return Rate(of // TENS * TENS, round(100 * right / of), floor(100 * low), ceil(100 * high))


def design_effect(passings: Sequence[Passing]) -> float:
    """By how much more than independent passings these vary, at least 1: people who come together are missed together.

    Those less than TOGETHER_S apart are one cluster; the variance is that of a ratio over clusters (Kish, Survey
    Sampling, 1965, section 6.3). An exact interval for so much fewer passings is that of Korn and Graubard (Survey
    Methodology 24, 1998, 193-201).
    """
    right, of = sum(one.right for one in passings), len(passings)
    clusters = _clusters(sorted(passings, key=lambda one: one.at_s))
    if right in {0, of} or len(clusters) < LEAST_CLUSTERS:
        return 1.0
    share = right / of
    apart = sum((sum(one.right for one in each) - share * len(each)) ** 2 for each in clusters)
    variance = len(clusters) / (len(clusters) - 1) * apart / of**2
    return max(1.0, variance / (share * (1 - share) / of))


def _clusters(passings: Sequence[Passing]) -> list[list[Passing]]:
    clusters: list[list[Passing]] = []
    for one in passings:
        if clusters and one.at_s - clusters[-1][-1].at_s < TOGETHER_S:
            clusters[-1].append(one)
        else:
            clusters.append([one])
    return clusters


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
