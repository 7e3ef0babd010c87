"""The check that a trial must pass: samples of how the device does, in; a verdict, out. Pure.

What is asked is what the device is for: frames come, the model runs, records are sealed, the collector is reached, and
the board has memory and air. While the services start, nothing is held against them; after that, what stays bad for a
while fails the trial, and what was never seen to work by the end fails it too.
"""

from dataclasses import dataclass
from typing import TypeAlias

from safecount.updating.update_settings import UpdateSettings
from safecount.wire.update_state import Failure

PATIENCE_S = 45.0
"""So long something may be bad after the settling time: a camera that is opened again, a service restarted once."""
MEMORY_FREE = 0.05
"""Free share of the memory below which the kernel is about to kill processes."""
HOT_C = 84.0
"""The Raspberry Pi's own limit, at which it slows down, is 85 (documentation of `temp_limit`)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The device at one moment. None: it cannot be known here, or it is not asked of this device.

    `sealed` and `reached` tell whether it happened since the start of the trial.
    """

    frames: bool | None
    model: bool | None
    sealed: bool | None
    reached: bool | None
    services: bool
    memory_free: float
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Healthy:
    """The whole time has passed and everything works."""


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """The trial has failed, and why."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Undecided:
    """Go on watching."""


Verdict: TypeAlias = Healthy | Unhealthy | Undecided


class HealthCheck:
    """Remembers since when each thing has been bad, and nothing else. Times are seconds since the trial's start."""

    def __init__(self, settings: UpdateSettings, *, reached_before: bool) -> None:
        """`reached_before`: the collector was reached under the release before, so it must be under this one."""
        self._settings = settings
        self._reached_before = reached_before
        self._bad_since: dict[Failure, float] = {}

    def judge(self, sample: Sample, at_s: float) -> Verdict:
        """The verdict after one more sample."""
        steady, once = _steady(sample), self._once(sample)
        for failure, bad in steady.items():
            if bad:
                self._bad_since.setdefault(failure, at_s)
            else:
                self._bad_since.pop(failure, None)
        for failure, since_s in self._bad_since.items():
            if at_s - max(since_s, self._settings.settle_s) > PATIENCE_S:
                return Unhealthy(failure)
        if at_s < self._settings.trial_s:
            return Undecided()
        left = next((failure for failure, bad in {**steady, **once}.items() if bad), None)
        return Healthy() if left is None else Unhealthy(left)

    def _once(self, sample: Sample) -> dict[Failure, bool]:
        """What must have happened by the end."""
        return {
            Failure.RECORDS: sample.sealed is False,
            Failure.UPLINK: self._reached_before and sample.reached is False,
        }


def _steady(sample: Sample) -> dict[Failure, bool]:
    """What must hold all the time, most telling first: without services there are no frames either."""
    hot = sample.temperature_c is not None and sample.temperature_c > HOT_C
    return {
        Failure.MEMORY: sample.memory_free < MEMORY_FREE,
        Failure.TEMPERATURE: hot,
        Failure.SERVICES: not sample.services,
        Failure.CAMERA: sample.frames is False,
        Failure.MODEL: sample.model is False,
    }
