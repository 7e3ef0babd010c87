"""From noisy numbers to the best estimate and how far it may be off: hours and their day fitted by least squares.

Pure. Hay, Rastogi, Miklau and Suciu, "Boosting the Accuracy of Differentially Private Histograms Through Consistency"
(2010), for a tree of two levels. Never clamps: a number below zero is as likely too low as another is too high, and
only sums of unclamped numbers are right on average.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from safecount.wire.values import CountRecord, Node, State, node_epsilon

DEVIATIONS = math.log(20) / math.sqrt(2)
"""Half an interval in standard deviations: 95 % of a Laplace distribution lie in it, and more of any sum of several."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of people, and the variance of its noise. Counting errors of the camera are not in it."""

    value: float
    variance: float

    @property
    def half_width(self) -> float:
        """At least 95 % of such estimates are nearer than this to what the counter saw."""
        return DEVIATIONS * math.sqrt(self.variance)


def noise_variance(record: CountRecord) -> float:
    """The variance of the noise in each number of a record (docs/formats.md): 2a/(1-a)**2, a = exp(-epsilon)."""
    a = math.exp(-float(node_epsilon(record.profile, record.node, exits=record.exits)))
    return 2 * a / (1 - a) ** 2


def total(estimates: Iterable[Estimate]) -> Estimate:
    """The sum of estimates whose noises are independent."""
    listed = list(estimates)
    return Estimate(sum(one.value for one in listed), sum(one.variance for one in listed))


def fitted(hours: Sequence[Estimate], day: Estimate) -> tuple[list[Estimate], Estimate]:
    """Hours and their sum, moved so that they agree, by how sure each is."""
    summed = total(hours)
    weight = summed.variance / (summed.variance + day.variance)
    best = Estimate(summed.value + weight * (day.value - summed.value), (1 - weight) * summed.variance)
    off = day.value - summed.value
    spread = summed.variance + day.variance
    moved = [
        Estimate(one.value + one.variance / spread * off, one.variance * (1 - one.variance / spread)) for one in hours
    ]
    return moved, best


def in_day(hour: CountRecord, day: CountRecord) -> bool:
    """Whether whom the hour counted, the day bin counted too: both were open in the same life of the device, and the
    hour closed no later.

    A device that was stopped in order and started again counts its later hours, but not its day again.
    """
    same_life = hour.boot == day.boot and hour.closed_monotonic_s <= day.closed_monotonic_s
    return same_life and day.start_s <= hour.start_s < day.start_s + day.length_s


@dataclass(frozen=True, slots=True)
class DayFit:
    """One door's local day: an estimate for each released hour (by start, UTC seconds), and their sum.

    `hours` and `whole` hold (entered, exited) pairs; exited is None where exits are not counted.
    """

    hours: dict[int, tuple[Estimate, Estimate | None]]
    whole: tuple[Estimate, Estimate | None] | None
    day_used: bool


def fit_day(records: Sequence[CountRecord]) -> DayFit:
    """Fit one device's records of one door and local day, each bin at most once."""
    hours = [one for one in records if one.node is Node.HOUR and one.state is State.RELEASED]
    days = [one for one in records if one.node is Node.DAY and one.state is State.RELEASED]
    day = days[0] if days else None
    inside = [one for one in hours if day is not None and in_day(one, day)]
    outside = [one for one in hours if one not in inside]
    entered, entered_sum = _fit([(one, one.entered) for one in inside], (day, day.entered) if day else None)
    exits = bool(hours) and all(one.exits for one in hours)
    exited, exited_sum = (
        _fit([(one, one.exited) for one in inside], (day, day.exited) if day and day.exits else None)
        if exits
        else ([None] * len(inside), None)
    )
    alone_in = [_estimate(one, one.entered) for one in outside]
    alone_out = [_estimate(one, one.exited) if exits else None for one in outside]
    pairs = zip([*inside, *outside], [*entered, *alone_in], [*exited, *alone_out], strict=True)
    whole_in = total([*([entered_sum] if entered_sum else []), *alone_in])
    whole_out = total([*([exited_sum] if exited_sum else []), *[one for one in alone_out if one]]) if exits else None
    return DayFit(
        {record.start_s: (into, out) for record, into, out in pairs},
        (whole_in, whole_out) if hours else None,
        bool(inside),
    )


def _fit(
    hours: Sequence[tuple[CountRecord, int | None]], day: tuple[CountRecord, int | None] | None
) -> tuple[list[Estimate], Estimate | None]:
    estimates = [_estimate(record, value) for record, value in hours]
    if not estimates:
        return [], None
    if day is None:
        return estimates, total(estimates)
    return fitted(estimates, _estimate(*day))


def _estimate(record: CountRecord, value: int | None) -> Estimate:
    if value is None:
        raise ValueError("a released bin has a number")
    return Estimate(float(value), noise_variance(record))
