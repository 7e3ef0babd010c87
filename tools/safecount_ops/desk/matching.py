"""Counted against true events: who was missed, who was extra, and how sure the error is.

Pure sums; no clip, no model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, log, sqrt

from safecount.counting.values import ImageDirection
from safecount_ops.desk.truth import Event

# Frame times are quotients: 1 s apart may come out as 1.0000000000000002.
ROUNDING_S = 1e-6
CONFIDENCE = 0.95


def matched(true_s: Iterable[float], counted_s: Iterable[float], tolerance_s: float) -> int:
    """The most pairs of a true and a counted event at most `tolerance_s` apart, each event in one pair at most.

    Both in order of time, each true event takes the earliest counted one that is still free and not too early. This is
    the largest matching: the windows all have one length, so their ends come in the order of their starts, and then a
    greedy choice by earliest end is optimal (Glover 1967, convex bipartite graphs). Tested against brute force.
    """
    pairs = 0
    waiting = sorted(counted_s)
    at = 0
    for moment in sorted(true_s):
        while at < len(waiting) and waiting[at] < moment - tolerance_s - ROUNDING_S:
            at += 1
        if at < len(waiting) and waiting[at] <= moment + tolerance_s + ROUNDING_S:
            pairs += 1
            at += 1
    return pairs


@dataclass(frozen=True, slots=True)
class Score:
    """True against counted crossings of one line, or of several added up."""

    name: str
    truth: dict[ImageDirection, int]
    counted: dict[ImageDirection, int]
    missed: int
    extra: int

    @property
    def wrong(self) -> int:
        return self.missed + self.extra

    @property
    def event_error(self) -> float | None:
        """(missed + extra) / true; None where nobody crossed, since a share of nothing is not a number."""
        crossings = sum(self.truth.values())
        return self.wrong / crossings if crossings else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `event_error`; see `poisson_interval`."""
        crossings = sum(self.truth.values())
        if not crossings:
            return None
        low, high = poisson_interval(self.wrong)
        return low / crossings, high / crossings

    @property
    def count_error(self) -> int:
        """Sum over the directions of |counted - true|: what is left when a miss and an extra cancel."""
        return sum(abs(self.counted[direction] - number) for direction, number in self.truth.items())


def score(
    name: str,
    directions: Sequence[ImageDirection],
    truth: Sequence[Event],
    counted: Sequence[Event],
    tolerance_s: float,
) -> Score:
    """Compare the events of one line, one to one, within `tolerance_s` and in the same direction."""
    true_n: dict[ImageDirection, int] = {}
    counted_n: dict[ImageDirection, int] = {}
    missed = extra = 0
    for direction in directions:
        true_s = [at_s for at_s, of_event in truth if of_event == direction]
        counted_s = [at_s for at_s, of_event in counted if of_event == direction]
        pairs = matched(true_s, counted_s, tolerance_s)
        true_n[direction], counted_n[direction] = len(true_s), len(counted_s)
        missed += len(true_s) - pairs
        extra += len(counted_s) - pairs
    return Score(name, true_n, counted_n, missed, extra)


def total(scores: Iterable[Score]) -> Score:
    """Several lines as one. Its `count_error` lets lines cancel: add up theirs instead."""
    truth: dict[ImageDirection, int] = {}
    counted: dict[ImageDirection, int] = {}
    missed = extra = 0
    for one in scores:
        missed += one.missed
        extra += one.extra
        for sums, numbers in ((truth, one.truth), (counted, one.counted)):
            for direction, number in numbers.items():
                sums[direction] = sums.get(direction, 0) + number
    return Score("total", truth, counted, missed, extra)


def poisson_interval(events: int) -> tuple[float, float]:
    """The exact 95 % interval for the mean of a Poisson count (Garwood 1936, Biometrika 28).

    Errors are counted as rare events: extra ones can exceed the number of true ones, so no binomial interval fits. It
    is somewhat too wide where most crossings are wrong, never too narrow.
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if events == 0 else _mean_where_at_most(events - 1, 1.0 - tail)
    return low, _mean_where_at_most(events, tail)


def _mean_where_at_most(events: int, probability: float) -> float:
    """The Poisson mean at which P(X <= events) is `probability`; by bisection, since it falls with the mean."""
    low, high = 0.0, 10.0 + 2.0 * events + 10.0 * sqrt(events)
    for _ in range(100):
        middle = (low + high) / 2.0
        if _at_most(events, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _at_most(events: int, mean: float) -> float:
    """P(X <= events) for a Poisson variable; by logarithms, since exp(-mean) alone would vanish for large means."""
    terms = [exp(n * log(mean) - mean - lgamma(n + 1)) for n in range(events + 1)]
    return fsum(terms)
