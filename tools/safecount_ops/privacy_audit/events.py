"""From the trials of both arms to a lower bound on epsilon: events are chosen on one half of the trials, and counted on the
other.

An attacker's best event against noise that works is a threshold on the likelihood ratio (Neyman and Pearson 1933); against
noise that does not, whatever differs. So three scores are cut at thresholds (the ratio by the declared noise, one learned
from the first half, the fineness of the numbers), and each form of everything else is an event.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from safecount.wire.values import node_epsilon
from safecount_ops.privacy_audit.attacks import Attack
from safecount_ops.privacy_audit.clopper_pearson import epsilon_bound
from safecount_ops.privacy_audit.trials import Number, Sample

EVENTS_TRIED = 8
_CUTS = 48
_FORMS = 12
_CHOICE_ERROR = 0.05
_TAIL = 40
_CLEAR = 5.0

Mask: TypeAlias = NDArray[np.bool_]
Score: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """The strongest event on the second half: `hits` of `trials` in the arm without the visit and in the one with it, and
    the lower bound on epsilon.
    """

    event: str
    hits: tuple[int, int]
    trials: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class _Event:
    text: str
    of: tuple[Mask, Mask]

    def hits(self, half: slice) -> tuple[int, int]:
        return int(self.of[0][half].sum()), int(self.of[1][half].sum())


def strongest(
    attack: Attack,
    arms: tuple[Sample, Sample],
    exact: tuple[Mapping[Number, float], Mapping[Number, float]],
    error: float,
) -> Finding:
    """The best event and its bound; all bounds tried are right together but for a probability of `error`."""
    trials = arms[0].trials
    first, second = slice(0, trials // 2), slice(trials // 2, trials)
    size = trials // 2
    ranked = sorted(
        _events(attack, arms, exact, first), key=lambda event: -_bound(event.hits(first), size, _CHOICE_ERROR)
    )
    tested = trials - size
    findings = [
        Finding(event.text, event.hits(second), tested, _bound_as(event, first, second, tested, error / EVENTS_TRIED))
        for event in ranked[:EVENTS_TRIED]
    ]
    return max(findings, key=lambda finding: finding.epsilon)


def ratio(attack: Attack, sample: Sample, exact: tuple[Mapping[Number, float], Mapping[Number, float]]) -> Score:
    """The log of the likelihood ratio of each trial, by the declared noise."""
    total = np.zeros(sample.trials)
    for key, values in sample.numbers.items():
        original = Number(key.story, key.door, key.node, key.start_s, key.direction)
        without, with_visit = (known.get(original) for known in exact)
        if without is None or with_visit is None or without == with_visit:
            continue
        epsilon = float(node_epsilon(attack.level.profile, key.node, exits=attack.level.exits))
        total += np.nan_to_num(epsilon * (np.abs(values - without) - np.abs(values - with_visit)))
    return np.round(total, 9)


def trade_off(
    attack: Attack, arms: tuple[Sample, Sample], exact: tuple[Mapping[Number, float], Mapping[Number, float]]
) -> tuple[tuple[float, float], ...]:
    """For thresholds on the likelihood ratio: how often it is passed without the visit, and with it."""
    scores = [ratio(attack, arm, exact) for arm in arms]
    cuts = np.unique(np.quantile(np.concatenate(scores), np.linspace(0, 1, _CUTS), method="nearest"))
    points = {(float((scores[0] >= cut).mean()), float((scores[1] >= cut).mean())) for cut in cuts}
    return tuple(sorted({(0.0, 0.0), *points}))


def _bound(hits: tuple[int, int], trials: int, error: float) -> float:
    return epsilon_bound(max(hits), min(hits), trials, error)


def _bound_as(event: _Event, first: slice, second: slice, trials: int, error: float) -> float:
    """In the direction that the first half showed."""
    before, hits = event.hits(first), event.hits(second)
    more, fewer = (hits[1], hits[0]) if before[1] >= before[0] else hits
    return epsilon_bound(more, fewer, trials, error)


def _events(
    attack: Attack,
    arms: tuple[Sample, Sample],
    exact: tuple[Mapping[Number, float], Mapping[Number, float]],
    first: slice,
) -> Iterator[_Event]:
    yield from _cuts("likelihood ratio", (ratio(attack, arms[0], exact), ratio(attack, arms[1], exact)), first)
    yield from _cuts("learned ratio", _learned(arms, first), first)
    yield from _cuts("binary places", (arms[0].grain.astype(float), arms[1].grain.astype(float)), first)
    forms = Counter(arms[0].outside[first]) + Counter(arms[1].outside[first])
    texts = tuple(np.array(arm.outside, dtype=object) for arm in arms)
    for form, _ in forms.most_common(_FORMS):
        mine = (texts[0] == form, texts[1] == form)
        yield _Event(f"all else is {form!r}", mine)
        yield _Event(f"all else is not {form!r}", (~mine[0], ~mine[1]))


def _cuts(name: str, scores: tuple[Score, Score], first: slice) -> Iterator[_Event]:
    both = np.concatenate([scores[0][first], scores[1][first]])
    for cut in np.unique(np.quantile(both, np.linspace(0, 1, _CUTS), method="nearest")):
        yield _Event(f"{name} >= {cut:.4g}", (scores[0] >= cut, scores[1] >= cut))
        yield _Event(f"{name} <= {cut:.4g}", (scores[0] <= cut, scores[1] <= cut))


def _learned(arms: tuple[Sample, Sample], first: slice) -> tuple[Score, Score]:
    """Naive Bayes over the numbers whose distributions clearly differ in the first half."""
    totals = [np.zeros(arms[0].trials), np.zeros(arms[1].trials)]
    for key in sorted({*arms[0].numbers, *arms[1].numbers}):
        columns = tuple(arm.numbers.get(key, np.full(arm.trials, np.nan)) for arm in arms)
        weigh = _weights(columns[0][first], columns[1][first])
        if weigh is not None:
            totals = [total + weigh(column) for total, column in zip(totals, columns, strict=True)]
    return np.round(totals[0], 9), np.round(totals[1], 9)


def _weights(without: Score, with_visit: Score) -> Callable[[Score], Score] | None:
    """The log ratio of each whole value by its frequency in both arms; None where they do not clearly differ."""
    middle = np.nanmedian(np.concatenate([without, with_visit]))
    width = 2 * _TAIL + 2  # the last cell: no number

    def cells(column: Score) -> NDArray[np.int64]:
        near = np.clip(np.floor(np.nan_to_num(column, nan=middle) - middle), -_TAIL, _TAIL) + _TAIL
        return np.where(np.isnan(column), width - 1, near).astype(np.int64)

    seen = [np.bincount(cells(one), minlength=width) + 0.5 for one in (without, with_visit)]
    spread = (seen[0] - seen[1]) / np.sqrt(seen[0] + seen[1])
    if float((spread**2).sum()) < width + _CLEAR * np.sqrt(2 * width):
        return None
    logs = np.log(seen[1]) - np.log(seen[0])
    return lambda column: logs[cells(column)]
