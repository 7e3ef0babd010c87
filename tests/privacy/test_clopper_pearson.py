import math
from random import Random

import pytest

from safecount_ops.privacy_audit.clopper_pearson import epsilon_bound, lower_limit, upper_limit


@pytest.mark.parametrize(
    ("hits", "low", "high"), [(0, 0.0, 0.3085), (1, 0.0025, 0.4450), (5, 0.1871, 0.8129), (10, 0.6915, 1.0)]
)
def test_the_limits_are_those_of_the_published_tables(hits: int, low: float, high: float) -> None:
    """Ten trials, 95 % two-sided: Altman, "Practical Statistics for Medical Research", table of the binomial."""
    assert lower_limit(hits, 10, 0.025) == pytest.approx(low, abs=5e-5)
    assert upper_limit(hits, 10, 0.025) == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("trials", [1, 300, 20_000])
def test_the_ends_have_a_closed_form(trials: int) -> None:
    assert upper_limit(0, trials, 0.01) == pytest.approx(1 - 0.01 ** (1 / trials))
    assert lower_limit(trials, trials, 0.01) == pytest.approx(0.01 ** (1 / trials))


def test_the_bound_is_seldom_above_the_truth_and_comes_near_it() -> None:
    """Randomised response with epsilon 1: the bound at an error of 0.05 may be too high in one of twenty runs."""
    generator, trials, truth = Random("response"), 2000, 1.0
    p = math.e / (1 + math.e)

    def bound() -> float:
        more, fewer = (sum(generator.random() < chance for _ in range(trials)) for chance in (p, 1 - p))
        return epsilon_bound(more, fewer, trials, 0.05)

    bounds = [bound() for _ in range(60)]
    assert sum(one > truth for one in bounds) <= 6
    assert min(bounds) > 0.7
