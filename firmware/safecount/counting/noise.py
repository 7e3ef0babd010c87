"""Discrete Laplace noise, drawn exactly: integers only, so that no rounding of a float can tell what it hides.

The sampler is that of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms
1 and 2. Randomness comes in as an argument: on a device it is `secrets.randbelow`, and nothing else will do.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

RandBelow: TypeAlias = Callable[[int], int]
"""Gives an unpredictable integer, each from 0 to n - 1 equally likely."""


def discrete_laplace(epsilon: Fraction, randbelow: RandBelow) -> int:
    """An integer n with probability (1 - a) / (1 + a) * a**abs(n), where a = exp(-epsilon).

    Raises:
        ValueError: if epsilon is not above zero.
    """
    if epsilon <= 0:
        raise ValueError(f"noise needs an epsilon above zero, not {epsilon}")
    s, t = epsilon.numerator, epsilon.denominator
    while True:
        remainder = randbelow(t)
        if not _bernoulli_exp(remainder, t, randbelow):
            continue
        wholes = 0
        while _bernoulli_exp(1, 1, randbelow):
            wholes += 1
        magnitude = (remainder + t * wholes) // s
        negative = randbelow(2) == 1
        if negative and magnitude == 0:
            continue  # else zero would have two ways to come about
        return -magnitude if negative else magnitude


def _bernoulli_exp(numerator: int, denominator: int, randbelow: RandBelow) -> bool:
    """True with probability exp(-numerator / denominator), a fraction from 0 to 1."""
    tries = 1
    while randbelow(denominator * tries) < numerator:
        tries += 1
    return tries % 2 == 1
