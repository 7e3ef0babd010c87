"""What to do next about updates. Decides only; `rounds` carries it out.

The rules behind it: the slot that is known to work is never written and never given up before another has shown that it
works; a release is never gone back to; whatever a repository says, the worst is to stay with what runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from safecount.updating.memory import Memory, Stage, Trial
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.release import Release, Version
from safecount.wire.update_state import Failure, Refusal, UpdateReport, UpdateState
from safecount.wire.values import ClockQuality

Draw: TypeAlias = Callable[[float, float], float]
"""Gives an unpredictable number between two, such as `random.SystemRandom().uniform`."""

METERED_EVERY_S = 86_400.0
CLOCK_AHEAD_S = 10 * 365 * 86_400
"""A clock so far past the image's date is not believed: signatures do not last so long, nor do cards."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Go on with what runs, and say why."""

    report: UpdateReport


@dataclass(frozen=True, slots=True)
class Install:
    """Fetch this release and write it into the other slot."""

    release: Release


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the other slot once, on trial."""


@dataclass(frozen=True, slots=True)
class Check:
    """This is a trial: check it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The trial passed: keep this slot."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """The trial is over: note why. `restart`: the new slot still runs, and is to be left."""

    failure: Failure
    restart: bool


@dataclass(frozen=True, slots=True)
class Device:
    """What runs: the device's name ("" before it has one), board, version, layout of the data, and the two slots.

    `slot` runs, `committed` is the one that a plain start takes; they differ in a trial. "-" where it is not known.
    """

    name: str
    board: str
    version: Version
    data: int
    slot: str
    committed: str

    @property
    def on_trial(self) -> bool:
        """Not where the slot is unknown: a restart would not make it known, and would come again and again."""
        return self.slot not in {"-", self.committed}

    @property
    def other_slot(self) -> str:
        return "B" if self.slot == "A" else "A"


def first_ask(settings: UpdateSettings, now_s: float, draw: Draw) -> float:
    """When to ask first after a start."""
    return now_s + draw(0, settings.first_ask_s)


def next_ask(settings: UpdateSettings, now_s: float, draw: Draw) -> float:
    """When to ask again: half to one and a half times the mean, whatever the answer was."""
    mean_s = max(settings.ask_every_s, METERED_EVERY_S) if settings.metered else settings.ask_every_s
    return now_s + draw(mean_s / 2, mean_s * 3 / 2)


def judge_clock(utc_s: float, floor_s: float, quality: ClockQuality) -> Refusal | None:
    """Whether the clock can judge expiry dates. `floor_s` has certainly passed: the image's date or a receipt's."""
    if quality is ClockQuality.UNSET or utc_s < floor_s:
        return Refusal.CLOCK_UNSET
    ahead = floor_s > 0 and utc_s > floor_s + CLOCK_AHEAD_S  # without a floor there is nothing to be ahead of
    return Refusal.CLOCK_AHEAD if ahead else None


def after_start(device: Device, memory: Memory) -> Check | Commit | RollBack | None:
    """What the way this start went says about a trial. None: there is none, or its restart is still to come."""
    trial = memory.trial
    if device.on_trial:
        return _on_trial(trial)
    if trial is None or trial.stage is Stage.INSTALLED:
        return None
    if trial.slot == device.slot:  # committed, and cut before the memory was cleared
        return Commit()
    return RollBack(_why_left(trial), restart=False)


def _on_trial(trial: Trial | None) -> Check | RollBack:
    """In a trial that the memory does not know, as after the loss of the data partition, nothing vouches for it."""
    if trial is None or trial.stage is Stage.FAILED:
        return RollBack(Failure.INTERRUPTED if trial is None or trial.failure is None else trial.failure, restart=True)
    return RollBack(Failure.INTERRUPTED, restart=True) if trial.stage is Stage.CHECKING else Check()


def _why_left(trial: Trial) -> Failure:
    match trial.stage:
        case Stage.FAILED if trial.failure is not None:
            return trial.failure
        case Stage.PASSED:
            return Failure.NOT_COMMITTED
        case Stage.CHECKING:
            return Failure.INTERRUPTED
        case _:
            return Failure.NOT_BOOTED


def choose(device: Device, memory: Memory, releases: Sequence[Release]) -> Stay | Install:
    """What to do about the releases that TUF lists, none of them fetched yet."""
    mine = [one for one in releases if one.path.startswith(f"{device.board}/")]
    if any(one.board != device.board for one in mine):
        return _refuse(Refusal.WRONG_BOARD, next(one for one in mine if one.board != device.board))
    newest = max(mine, key=lambda one: one.version, default=None)
    if newest is None:
        return Stay(UpdateReport(UpdateState.NOTHING_NEW))
    if newest.version < device.version:
        return _refuse(Refusal.OLDER_RELEASE, newest)
    wanted = [one for one in mine if one.version > device.version and one.is_for(device.name)]
    if not wanted:
        return Stay(UpdateReport(UpdateState.NOTHING_NEW, release=str(device.version)))
    best = max(wanted, key=lambda one: one.version)
    if memory.trial is not None and memory.trial.digest == best.digest:
        return Stay(UpdateReport(UpdateState.NOTHING_NEW, release=str(best.version)))  # installed; waits for its hour
    refusal = _refusal(device, memory, best)
    return Install(best) if refusal is None else _refuse(refusal, best)


def _refusal(device: Device, memory: Memory, release: Release) -> Refusal | None:
    if memory.given_up(release.digest):
        return Refusal.FAILED_BEFORE
    return Refusal.DATA_TOO_NEW if release.data < device.data else None


def shown(before: UpdateReport, now: UpdateReport) -> UpdateReport:
    """Which of two reports the health record is to tell: "nothing new" is no news, and neither is refusing what this
    device fell back from.
    """
    ended = before.state in {UpdateState.UPDATED, UpdateState.FELL_BACK}
    again = now.reason is Refusal.FAILED_BEFORE and before.state is UpdateState.FELL_BACK
    return before if ended and (now.state is UpdateState.NOTHING_NEW or again) else now


def withdrawn(device: Device, memory: Memory, releases: Sequence[Release]) -> bool:
    """Whether the installed release that waits for its restart was halted or revoked meanwhile."""
    trial = memory.trial
    if trial is None or trial.stage is not Stage.INSTALLED:
        return False
    return not any(one.digest == trial.digest and one.is_for(device.name) for one in releases)


def may_start_trial(settings: UpdateSettings, memory: Memory, minute_of_day: int) -> bool:
    """Whether an installed release may be started now."""
    return memory.trial is not None and memory.trial.stage is Stage.INSTALLED and settings.may_restart(minute_of_day)


def _refuse(refusal: Refusal, release: Release) -> Stay:
    return Stay(UpdateReport(UpdateState.REFUSED, refusal, str(release.version)))
