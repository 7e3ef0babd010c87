"""A counter's slots, disk and vitals, for updating: power can be cut at any step, and what a disk holds survives it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from safecount.edges import autoboot
from safecount.edges.rauc import verify_bundle
from safecount.edges.update_memory import UpdateMemoryFile
from safecount.updating.health_check import Sample
from safecount.updating.memory import Memory
from safecount.updating.ports import ClockReading, Repository
from safecount.updating.rounds import Rounds, World
from safecount.updating.update_policy import Device
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.release import Version
from safecount.wire.update_state import UpdateReport
from safecount.wire.values import ClockQuality

GOOD = Sample(frames=True, model=True, sealed=True, reached=True, services=True, memory_free=0.5, temperature_c=50.0)
SETTINGS = UpdateSettings(restart_from="00:00", restart_until="00:00", trial_s=600, settle_s=180)


class PowerCut(Exception):  # noqa: N818 - it is no error of the code
    """The power failed; nothing of the process is left."""


class Restarting(Exception):  # noqa: N818
    """The device goes down in an orderly way."""


@dataclass
class Power:
    """Fails at the step with this number, once. Steps are the moments before and after each change of a disk."""

    fails_at: int | None = None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.fails_at:
            raise PowerCut


@dataclass
class Counter:
    """A device. `contents` is what each slot holds ("" for something half written); `broken` versions do not boot."""

    folder: Path
    installed: Callable[[str], str]
    power: Power = field(default_factory=Power)
    contents: dict[str, str] = field(default_factory=lambda: {"A": "1.0.0", "B": ""})
    broken: frozenset[str] = frozenset()
    sample_of: Callable[[str], Sample] = lambda _version: GOOD
    running: str = "A"
    armed: bool = False
    starts: int = 0
    clock: ClockReading = field(default_factory=lambda: ClockReading(1.8e9, 1.79e9, ClockQuality.SYNCED, 700))

    def __post_init__(self) -> None:
        self._autoboot = autoboot.AutobootFile(self.folder / "autoboot.txt")
        (self.folder / "autoboot.txt").write_bytes(autoboot.content("A"))
        self._memory = UpdateMemoryFile(self.folder)

    def boot(self) -> None:
        """What the firmware does: the other slot once if it was asked for, and a watchdog takes back what hangs."""
        self.starts += 1
        committed = self._autoboot.committed()
        trial = {"A": "B", "B": "A"}[committed]
        wanted, self.armed = (trial if self.armed else committed), False
        if not self.contents[wanted] or self.contents[wanted] in self.broken:
            assert wanted != committed, "bricked: the committed slot does not start"
            wanted = committed
        self.running = wanted

    # The ports of updating

    def device(self) -> Device:
        version = Version.parse(self.contents[self.running])
        return Device("door-1", "rpi", version, 1, self.running, self._autoboot.committed())

    def install(self, bundle: str) -> None:
        device = self.device()
        assert not device.on_trial, "an install in a trial would overwrite the slot that works"
        version = self.installed(bundle)
        self.power.step()
        self.contents[device.other_slot] = ""
        self.power.step()
        self.contents[device.other_slot] = version
        self.power.step()

    def start_other(self) -> None:
        self.power.step()
        self.armed = True
        raise Restarting

    def restart(self) -> None:
        self.power.step()
        raise Restarting

    def commit(self) -> bool:
        self.power.step()
        done = self._autoboot.commit(self.running)
        self.power.step()
        return done

    def load(self) -> Memory:
        return self._memory.load()

    def save(self, memory: Memory) -> None:
        self.power.step()
        self._memory.save(memory)
        self.power.step()

    def sample(self) -> Sample:
        return self.sample_of(self.contents[self.running])

    def reached_lately(self) -> bool:
        return True

    def read(self) -> ClockReading:
        return self.clock

    # Its life

    def rounds(self, repository: Repository) -> Rounds:
        return Rounds(SETTINGS, World(lambda: repository, self, self, self, self))

    def live(self, repository: Repository) -> None:
        """One start: see how it went, check a trial, ask once, start what is installed."""
        with suppress(PowerCut, Restarting):
            rounds = self.rounds(repository)
            rounds.start()
            for at_s in range(0, 700, 5):
                rounds.watch(at_s)
            rounds.ask()
            rounds.start_trial_if_due()
            return
        self.boot()
        self.live(repository)

    @property
    def report(self) -> UpdateReport:
        return self._memory.load().report


def checked_by_rauc(keyring: Path, versions: dict[bytes, str]) -> Callable[[str], str]:
    """An install that takes what RAUC's own check takes; `versions` tells a bundle's version by its last bytes."""

    def install(bundle: str) -> str:
        verify_bundle(bundle, keyring, "rpi")
        return versions[Path(bundle).read_bytes()[-256:]]

    return install
