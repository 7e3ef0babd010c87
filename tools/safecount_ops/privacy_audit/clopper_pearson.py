"""Exact limits for a probability from a number of hits (Clopper and Pearson, "The use of confidence or fiducial limits",
Biometrika 1934), and the lower bound on epsilon that two of them give.
"""

import math

import numpy as np

_HALVINGS = 50


def lower_limit(hits: int, trials: int, error: float) -> float:
    """The p at which `hits` or more of `trials` have the probability `error`: the true one is below it that seldom."""
    if hits == 0:
        return 0.0
    low, high = 0.0, hits / trials
    terms = _Terms(trials)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if terms.at_least(hits, middle) < error:
            low = middle
        else:
            high = middle
    return low


def upper_limit(hits: int, trials: int, error: float) -> float:
    """The p at which `hits` or fewer of `trials` have the probability `error`."""
    return 1.0 - lower_limit(trials - hits, trials, error)


def epsilon_bound(more: int, fewer: int, trials: int, error: float) -> float:
    """A lower bound on epsilon, wrong with a probability of at most `error`: an event that came `more` times in `trials`
    of one arm and `fewer` times in as many of the other. 0 where they tell nothing.
    """
    least, most = lower_limit(more, trials, error / 2), upper_limit(fewer, trials, error / 2)
    return math.log(least / most) if least > most else 0.0


class _Terms:
    """The binomial distribution of `trials`, its coefficients worked out once."""

    def __init__(self, trials: int) -> None:
        logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
        self._numbers = np.arange(trials + 1)
        self._coefficients = logs[trials] - logs - logs[::-1]
        self._trials = trials

    def at_least(self, hits: int, p: float) -> float:
        """The probability of `hits` or more, p strictly between 0 and 1."""
        if p <= 0.0:
            return 0.0
        numbers = self._numbers[hits:]
        logs = self._coefficients[hits:] + numbers * math.log(p) + (self._trials - numbers) * math.log1p(-p)
        return float(np.exp(logs).sum())
