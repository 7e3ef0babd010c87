import math
import secrets
from collections import Counter
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from safecount.counting.noise import _bernoulli_exp, discrete_laplace
from safecount.wire.values import Node, Profile, node_epsilon

EPSILONS = sorted(
    {node_epsilon(profile, node, exits=exits) for profile in Profile for node in Node for exits in (False, True)}
)


def probability(value: int, epsilon: Fraction) -> float:
    """The discrete Laplace distribution, from its definition: proportional to exp(-epsilon |n|), summed to one."""
    a = math.exp(-epsilon)
    return (1 - a) / (1 + a) * a ** abs(value)


def chi_square(draws: list[int], epsilon: Fraction) -> tuple[float, int]:
    """Pearson's statistic over all values expected ten times or more (the rest in two cells), degrees of freedom."""
    edge = 0
    while len(draws) * probability(edge + 1, epsilon) >= 10:
        edge += 1
    seen = Counter(max(-edge - 1, min(edge + 1, draw)) for draw in draws)
    tail = (1 - sum(probability(value, epsilon) for value in range(-edge, edge + 1))) / 2
    expected = {value: probability(value, epsilon) for value in range(-edge, edge + 1)}
    expected |= {-edge - 1: tail, edge + 1: tail}
    statistic = sum((seen[value] - len(draws) * p) ** 2 / (len(draws) * p) for value, p in expected.items())
    return statistic, len(expected) - 1


def upper_limit(freedom: int, z: float = 4.75) -> float:
    """The chi-square quantile at the normal quantile z (4.75: one in a million), by Wilson and Hilferty (1931)."""
    return freedom * (1 - 2 / (9 * freedom) + z * math.sqrt(2 / (9 * freedom))) ** 3


@pytest.mark.parametrize("epsilon", EPSILONS, ids=str)
def test_the_draws_follow_the_exact_distribution(epsilon: Fraction) -> None:
    generator = Random(f"noise {epsilon}")
    statistic, freedom = chi_square([discrete_laplace(epsilon, generator.randrange) for _ in range(40_000)], epsilon)
    assert freedom >= 8
    assert statistic < upper_limit(freedom)


def test_the_test_would_see_a_wrong_scale_a_doubled_zero_or_a_shift() -> None:
    generator = Random("planted")
    epsilon = Fraction(3, 10)
    good = [discrete_laplace(epsilon, generator.randrange) for _ in range(40_000)]
    wrong_scale = [discrete_laplace(Fraction(33, 100), generator.randrange) for _ in range(40_000)]
    doubled_zero = [draw for draw in good if draw] + [0] * 2 * good.count(0)
    shifted = [draw + (number % 6 == 0) for number, draw in enumerate(good)]
    for planted in (wrong_scale, doubled_zero, shifted):
        statistic, freedom = chi_square(planted, epsilon)
        assert statistic > upper_limit(freedom)


def test_the_device_s_own_randomness_does() -> None:
    epsilon = Fraction(1, 5)
    statistic, freedom = chi_square([discrete_laplace(epsilon, secrets.randbelow) for _ in range(20_000)], epsilon)
    assert statistic < upper_limit(freedom, z=6)  # one false alarm in a thousand million runs


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 3), (1, 2), (1, 1), (2, 3)])
def test_the_exponential_coin_is_exact(numerator: int, denominator: int) -> None:
    """Every path of up to five draws, each with its exact probability: what is left open is below 1/5!."""
    depth = 5
    true, undecided = Fraction(0), Fraction(0)
    weight = Fraction(1, math.prod(denominator * number for number in range(1, depth + 1)))
    for path in product(*(range(denominator * number) for number in range(1, depth + 1))):
        draws = iter(path)
        try:
            true += weight * _bernoulli_exp(numerator, denominator, lambda _, draws=draws: next(draws))  # type: ignore[misc] # bound early
        except StopIteration:
            undecided += weight
    exact = math.exp(-Fraction(numerator, denominator))
    assert float(undecided) <= 1 / math.factorial(depth)
    assert float(true) - 1e-12 <= exact <= float(true + undecided) + 1e-12


@pytest.mark.parametrize("epsilon", [Fraction(0), Fraction(-1, 2)])
def test_no_noise_is_no_choice(epsilon: Fraction) -> None:
    with pytest.raises(ValueError, match="above zero"):
        discrete_laplace(epsilon, secrets.randbelow)
