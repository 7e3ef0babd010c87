"""Carries out what `update_policy` decides, over the ports. Nothing here judges.

Each step is in the memory, on disk, before it is taken: whatever moment the power fails, the next start knows what was
under way. Refused is the only thing that a repository can cause.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from safecount.updating import update_policy as policy
from safecount.updating.health_check import HealthCheck, Healthy, Unhealthy
from safecount.updating.memory import Memory, Stage, Trial
from safecount.updating.ports import Clock, MemoryStore, Refused, Repository, Slots, Vitals
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.release import Release
from safecount.wire.update_state import Failure, UpdateReport, UpdateState


@dataclass(frozen=True, slots=True)
class World:
    """The ports together. The repository is opened for each question anew."""

    open_repository: Callable[[], Repository]
    slots: Slots
    store: MemoryStore
    vitals: Vitals
    clock: Clock


class Rounds:
    """Remembers the check that runs, what was asked for last and whether a restart was; the rest outlives the process."""

    def __init__(self, settings: UpdateSettings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._check: HealthCheck | None = None
        self._wanted: Release | None = None
        self._leaving = False

    @property
    def checking(self) -> bool:
        """Whether this is a trial, and its check has not ended."""
        return self._check is not None

    @property
    def leaving(self) -> bool:
        """Whether the device was asked to restart: nothing more is to be done in this process."""
        return self._leaving

    def start(self) -> None:
        """See how this start went. Call it once, before anything else."""
        memory = self._world.store.load()
        match policy.after_start(self._world.slots.device(), memory):
            case policy.Check():
                self._begin_check(memory)
            case policy.Commit():
                self._updated(memory)
            case policy.RollBack(failure, restart=True):
                self._leave(memory, failure)
            case policy.RollBack(failure, restart=False):
                self._fell_back(memory, failure)
            case None:
                pass

    def ask(self) -> UpdateReport:
        """One question to the repository, and the installation of what it lists for this device."""
        self._wanted = None
        try:
            report = self._ask(self._world.open_repository())
        except Refused as refused:
            release = str(self._wanted.version) if self._wanted else ""
            report = UpdateReport(UpdateState.REFUSED, refused.refusal, release)
        memory = self._world.store.load()
        self._tell(memory, policy.shown(memory.report, report))
        return report

    def start_trial_if_due(self) -> bool:
        """Restart into an installed release, if the hour is right. True: the device is going down."""
        memory = self._world.store.load()
        minute = self._world.clock.read().minute_of_day
        if memory.trial is None or not policy.may_start_trial(self._settings, memory, minute):
            return False
        trial = replace(memory.trial, stage=Stage.RESTARTING, reached=self._world.vitals.reached_lately())
        self._world.store.save(replace(memory, trial=trial))
        self._leaving = True
        self._world.slots.start_other()
        return True

    def watch(self, at_s: float) -> None:
        """One look at the device during a trial; `at_s` is the time since the trial began."""
        if self._check is None:
            return
        match self._check.judge(self._world.vitals.sample(), at_s):
            case Healthy():
                self._check = None
                self._commit(self._world.store.load())
            case Unhealthy(failure):
                self._check = None
                self._leave(self._world.store.load(), failure)
            case _:
                pass

    def give_up_trial(self) -> bool:
        """The trial's time is over and its check gave no answer: leave it. For a process apart from the check's own."""
        if not self._world.slots.device().on_trial:
            return False
        self._leave(self._world.store.load(), Failure.CHECK_HUNG)
        return True

    def _ask(self, repository: Repository) -> UpdateReport:
        reading = self._world.clock.read()
        refusal = policy.judge_clock(reading.utc_s, reading.floor_s, reading.quality)
        if refusal is not None:
            raise Refused(refusal, "The clock cannot judge dates.")
        releases = repository.releases()
        device, memory = self._world.slots.device(), self._world.store.load()
        if policy.withdrawn(device, memory, releases):
            memory = replace(memory, trial=None)
            self._world.store.save(memory)
        match policy.choose(device, memory, releases):
            case policy.Stay(report):
                return report
            case policy.Install(release):
                return self._install(repository, device, memory, release)

    def _install(self, repository: Repository, device: policy.Device, memory: Memory, release: Release) -> UpdateReport:
        self._wanted = release
        bundle = repository.fetch(release)
        self._world.store.save(replace(memory, trial=None))  # what the other slot held is being overwritten
        self._world.slots.install(bundle)
        trial = Trial(str(release.version), release.digest, device.other_slot, Stage.INSTALLED, reached=False)
        self._world.store.save(replace(memory, trial=trial))
        repository.forget()
        return UpdateReport(UpdateState.NOTHING_NEW, release=str(release.version))

    def _begin_check(self, memory: Memory) -> None:
        if (trial := memory.trial) is None:
            return
        report = UpdateReport(UpdateState.TRIAL, release=trial.release)
        self._tell(replace(memory, trial=replace(trial, stage=Stage.CHECKING)), report)
        self._check = HealthCheck(self._settings, reached_before=trial.reached)

    def _commit(self, memory: Memory) -> None:
        if memory.trial is None:  # the disk lost it during the check: nothing vouches for the trial any more
            self._restart()
            return
        memory = replace(memory, trial=replace(memory.trial, stage=Stage.PASSED))
        self._world.store.save(memory)
        if self._world.slots.commit():
            self._updated(memory)
        else:
            self._leave(memory, Failure.NOT_COMMITTED)

    def _updated(self, memory: Memory) -> None:
        release = memory.trial.release if memory.trial else ""
        self._tell(replace(memory, trial=None), UpdateReport(UpdateState.UPDATED, release=release))

    def _leave(self, memory: Memory, failure: Failure) -> None:
        if memory.trial is not None:
            failed = replace(memory.trial, stage=Stage.FAILED, failure=failure)
            self._world.store.save(replace(memory, trial=failed))
        self._restart()

    def _restart(self) -> None:
        self._leaving = True
        self._world.slots.restart()

    def _fell_back(self, memory: Memory, failure: Failure) -> None:
        if memory.trial is not None:
            report = UpdateReport(UpdateState.FELL_BACK, failure, memory.trial.release)
            self._tell(memory.after_failure(memory.trial, failure), report)

    def _tell(self, memory: Memory, report: UpdateReport) -> None:
        if report != memory.report:
            report = replace(report, at_s=max(0, int(self._world.clock.read().utc_s)))
        self._world.store.save(replace(memory, report=report))
