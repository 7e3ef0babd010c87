"""How well presses and counts agree, and how sure that is."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.setting_up.agreement import (
    TOLERANCE_S,
    Passing,
    Seen,
    agree,
    design_effect,
    interval,
    rate_of,
)

SPAN = (0.0, 1000.0)
Tally = tuple[int, int, int]


def tally(passings: Sequence[Passing]) -> Tally:
    """How many both saw, only the person, only the device."""
    seen = Counter(one.seen for one in passings)
    return seen[Seen.BOTH], seen[Seen.PERSON], seen[Seen.DEVICE]


times = st.lists(st.floats(0, 1000), max_size=30).map(sorted)


def test_presses_a_little_late_are_pairs() -> None:
    assert tally(agree([10.9, 20.2, 30.0], [10.0, 19.0, 31.5], SPAN)) == (3, 0, 0)


def test_what_only_one_saw_is_missed_or_extra() -> None:
    assert tally(agree([10.0, 50.0], [50.5, 90.0], SPAN)) == (1, 1, 1)


def test_two_people_side_by_side_are_two_pairs() -> None:
    assert tally(agree([10.0, 10.4], [9.8, 10.1], SPAN)) == (2, 0, 0)
    assert tally(agree([10.0, 10.4], [9.8], SPAN)) == (1, 1, 0)


def test_the_ends_of_the_round_are_left_out() -> None:
    assert tally(agree([1.0, 999.0], [], SPAN)) == (0, 0, 0)
    assert tally(agree([], [2.0, 500.0], SPAN)) == (0, 0, 1)


@given(times, times)
def test_pairing_in_order_makes_as_many_pairs_as_can_be_made(pressed: list[float], counted: list[float]) -> None:
    """Against the maximum matching by augmenting paths (Kuhn 1955), on times away from the ends."""
    wide = (-10.0, 1010.0)
    partner: dict[int, int] = {}

    def augment(p: int, seen: set[int]) -> bool:
        for c, at_s in enumerate(counted):
            if abs(pressed[p] - at_s) <= TOLERANCE_S and c not in seen:
                seen.add(c)
                if c not in partner or augment(partner[c], seen):
                    partner[c] = p
                    return True
        return False

    most = sum(augment(p, set()) for p in range(len(pressed)))
    paired, missed, extra = tally(agree(pressed, counted, wide))
    assert paired == most
    assert (paired + missed, paired + extra) == (len(pressed), len(counted))


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # R: binom.test(hits, of)$conf.int
    [(0, 10, 0.0, 0.3084971), (10, 10, 0.6915029, 1.0), (8, 10, 0.4439045, 0.9747893), (95, 100, 0.8871651, 0.9835681)],
)
def test_the_interval_is_the_exact_one(hits: int, of: int, low: float, high: float) -> None:
    assert interval(hits, of) == pytest.approx((low, high), abs=1e-6)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        interval(0, 0)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_the_interval_covers_the_true_share(share: float) -> None:
    random = Random(f"share {share}")
    covered = 0
    for _ in range(400):
        of = random.randrange(30, 200)
        low, high = interval(sum(random.random() < share for _ in range(of)), of)
        covered += low <= share <= high
    assert covered >= 0.95 * 400 - 9, "95 % less twice the standard error of 400 tries"


def passings(flags: Sequence[bool], apart_s: float) -> list[Passing]:
    return [Passing(n * apart_s, Seen.BOTH if flag else Seen.PERSON) for n, flag in enumerate(flags)]


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.sampled_from([0.5, 10.0]))
def test_a_rate_holds_no_exact_count(flags: list[bool], apart_s: float) -> None:
    seen = passings(flags, apart_s)
    rate, (low, high) = rate_of(seen), interval(sum(flags), len(flags))
    assert rate.passings % 10 == 0
    assert rate.low <= 100 * low + 1e-9
    assert rate.high >= 100 * high - 1e-9, "rounded outwards, and never narrower than the exact one of single passings"


def test_people_who_are_missed_together_make_the_interval_wider() -> None:
    random = Random("pairs")
    flags = [flag for _ in range(100) for flag in [random.random() < 0.8] * 2]
    together = [Passing(n // 2 * 20.0 + n % 2, one.seen) for n, one in enumerate(passings(flags, 1.0))]
    assert design_effect(together) == pytest.approx(2.0, rel=0.05), "two who share one fate are one"
    alone = passings(random.sample(flags, len(flags)), 20.0)
    assert design_effect(alone) == pytest.approx(1.0, abs=0.02)
    assert rate_of(together).high - rate_of(together).low > 1.3 * (rate_of(alone).high - rate_of(alone).low)
