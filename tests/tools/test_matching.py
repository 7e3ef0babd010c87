"""Counted against true events, and how sure the error is."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.counting.values import ImageDirection
from safecount_ops.desk.matching import Score, matched, poisson_interval, score, total

TIMES = st.lists(st.integers(0, 40).map(lambda tenths: tenths / 10), max_size=5)
BOTH: tuple[ImageDirection, ImageDirection] = ("right", "left")


def brute_force(true_s: list[float], counted_s: list[float], tolerance_s: float) -> int:
    """Every way to pair the shorter list with the longer one."""
    short, long_ = sorted((true_s, counted_s), key=len)
    return max(
        sum(abs(a - b) <= tolerance_s + 1e-6 for a, b in zip(short, chosen, strict=True))
        for chosen in permutations(long_, len(short))
    )


@given(TIMES, TIMES, st.integers(0, 20).map(lambda tenths: tenths / 10))
def test_no_other_pairing_has_more_pairs(true_s: list[float], counted_s: list[float], tolerance_s: float) -> None:
    assert matched(true_s, counted_s, tolerance_s) == brute_force(true_s, counted_s, tolerance_s)


def test_nearest_first_would_lose_a_pair_here() -> None:
    assert matched([1.0, 2.0], [1.9, 2.9], 1.0) == 2


def test_exactly_the_tolerance_still_matches_in_spite_of_rounding() -> None:
    assert matched([13 / 7], [20 / 7], 1.0) == 1


def test_directions_are_matched_apart_and_other_directions_are_ignored() -> None:
    found = score("door", BOTH, [(1.0, "right"), (5.0, "left")], [(1.2, "left"), (5.1, "left"), (9.0, "right")], 1.0)
    assert found == Score("door", {"right": 1, "left": 1}, {"right": 1, "left": 2}, missed=1, extra=2)
    assert found.event_error == 1.5
    assert found.count_error == 1


def test_a_miss_and_an_extra_do_not_cancel_in_the_total() -> None:
    first = score("a", BOTH, [(1.0, "right")], [], 1.0)
    second = score("b", ("down", "up"), [], [(1.0, "down")], 1.0)
    whole = total([first, second])
    assert (whole.missed, whole.extra, whole.event_error) == (1, 1, 2.0)
    assert whole.truth == {"right": 1, "left": 0, "down": 0, "up": 0}


def test_where_nobody_crosses_there_is_no_share() -> None:
    quiet = score("a", BOTH, [], [(1.0, "right")], 1.0)
    assert quiet.event_error is None
    assert quiet.interval is None


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # Garwood's intervals as tabled by Ulm 1990, Am J Epidemiol 131(2), and in every table of exact Poisson limits.
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (2, 0.242, 7.225), (10, 4.795, 18.39), (100, 81.36, 121.63)],
)
def test_the_interval_is_garwoods(events: int, low: float, high: float) -> None:
    assert poisson_interval(events) == pytest.approx((low, high), rel=2e-3)


def test_the_interval_holds_for_very_many_errors_too() -> None:
    low, high = poisson_interval(2000)
    assert 1912 < low < 1915
    assert 2088 < high < 2091
