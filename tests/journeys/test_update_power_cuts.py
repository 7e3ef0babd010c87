"""Power cut before and after every change of a disk, in every story: the device always starts, and ends in a named state."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.edges import autoboot
from safecount.errors import SafecountError
from safecount.updating.memory import Memory, Stage, Trial
from safecount.wire.release import PLACES, Release, Version
from safecount.wire.update_state import Failure, UpdateState
from simulators.update_device import GOOD, Counter, Power, PowerCut


class OneRelease:
    """A repository that lists 1.1.0, whose bundle is its version."""

    def releases(self) -> Sequence[Release]:
        return [
            Release("rpi/1.1.0.raucb", Version(1, 1, 0), "rpi", 1, PLACES, bytes(32), "i", 10, b"\1" * 32),
        ]

    def fetch(self, release: Release) -> str:
        return str(release.version)

    def forget(self) -> None:
        pass


def hot(version: str) -> object:
    return replace(GOOD, temperature_c=99.0) if version == "1.1.0" else GOOD


@pytest.fixture
def memory_disk() -> Iterator[Path]:
    """A folder whose syncs cost nothing where the system has one: hundreds of devices write hundreds of times."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


STORIES = {
    "a good release": ({}, UpdateState.UPDATED, None),
    "a release that does not start": ({"broken": frozenset({"1.1.0"})}, UpdateState.FELL_BACK, Failure.NOT_BOOTED),
    "a release that fails its check": ({"sample_of": hot}, UpdateState.FELL_BACK, Failure.TEMPERATURE),
}


def counter(folder: Path, story: str, power: Power) -> Counter:
    return Counter(folder, lambda bundle: bundle, power, **STORIES[story][0])  # type: ignore[arg-type]


@pytest.mark.parametrize("story", STORIES)
def test_the_story_without_a_cut(story: str, tmp_path: Path) -> None:
    _, state, reason = STORIES[story]
    device = counter(tmp_path, story, Power())
    device.live(OneRelease())
    assert (device.report.state, device.report.reason) == (state, reason) or device.report.state is state
    assert device.contents[device.running] == ("1.1.0" if state is UpdateState.UPDATED else "1.0.0")


@pytest.mark.parametrize("story", STORIES)
def test_a_cut_at_each_step(story: str, memory_disk: Path) -> None:
    """`Counter.boot` fails the test if the slot that a plain start takes does not start."""
    _, state, _ = STORIES[story]
    cuts = 0
    while True:
        folder = memory_disk / str(cuts)
        folder.mkdir()
        power = Power(fails_at=cuts + 1)
        device = counter(folder, story, power)
        device.live(OneRelease())
        if power.steps <= cuts:
            break
        device.live(OneRelease())  # and the day after
        assert device.report.state is state, f"cut {cuts}: {device.report}"
        assert device.contents[device.running] == ("1.1.0" if state is UpdateState.UPDATED else "1.0.0")
        assert device.device().slot == device.device().committed
        cuts += 1
    assert cuts >= 15


def test_two_cuts(memory_disk: Path) -> None:
    """A second cut in what repairs the first: a good release may be given up by then, and the device never."""
    for first in range(1, 24):
        for second in range(first + 1, first + 12):
            folder = memory_disk / "device"
            folder.mkdir()
            power = Power(fails_at=first)
            device = counter(folder, "a good release", power)
            device.power.step = _twice(power, second)  # type: ignore[method-assign]
            device.live(OneRelease())
            device.live(OneRelease())
            assert device.report.state in {UpdateState.UPDATED, UpdateState.FELL_BACK}
            assert device.contents[device.running] in {"1.0.0", "1.1.0"}
            assert device.device().slot == device.device().committed
            shutil.rmtree(folder)


def _twice(power: Power, second: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def step() -> None:
        power.steps += 1
        if power.steps in {power.fails_at, second}:
            raise PowerCut

    return step


class TwoReleases(OneRelease):
    """Lists 1.0.5 too, which waits in the other slot already."""

    def releases(self) -> Sequence[Release]:
        (newer,) = super().releases()
        return [newer, replace(newer, path="rpi/1.0.5.raucb", version=Version(1, 0, 5), digest=b"\2" * 32)]


def test_an_install_that_is_cut_leaves_nothing_to_start(tmp_path: Path) -> None:
    """The slot no longer holds what waited in it, and is not to be blamed for not starting."""

    def cut(_bundle: str) -> str:
        raise PowerCut

    device = Counter(tmp_path, cut)
    device.save(Memory(Trial("1.0.5", b"\2" * 32, "B", Stage.INSTALLED, reached=False)))
    with pytest.raises(PowerCut):
        device.rounds(TwoReleases()).ask()
    assert device.load().trial is None


def test_a_lost_data_partition_in_a_trial_leads_back(tmp_path: Path) -> None:
    device = counter(tmp_path, "a good release", Power())
    device.contents["B"], device.running = "1.1.0", "B"
    device.live(OneRelease())
    assert device.starts >= 1
    assert device.device().slot == device.device().committed


def test_the_file_is_one_sector_and_read_as_written() -> None:
    for slot in "AB":
        assert len(autoboot.content(slot)) == 512
        assert autoboot.parse(autoboot.content(slot)) == slot


@pytest.mark.parametrize(
    "damage", [b"", b"[all]\n", autoboot.content("A") * 2, autoboot.content("A")[:40] + bytes(472)]
)
def test_a_damaged_file_is_not_taken_for_a_choice(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "autoboot.txt"
    path.write_bytes(damage)
    with pytest.raises(SafecountError):
        autoboot.AutobootFile(path).committed()
    with pytest.raises(SafecountError):
        autoboot.AutobootFile(path).commit("B")
    assert path.read_bytes() == damage


def test_a_commit_overwrites_in_place_and_only_if_it_must(tmp_path: Path) -> None:
    path = tmp_path / "autoboot.txt"
    path.write_bytes(autoboot.content("A"))
    before = path.stat()
    assert autoboot.AutobootFile(path).commit("A")
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert autoboot.AutobootFile(path).commit("B")
    assert path.stat().st_ino == before.st_ino
    assert autoboot.AutobootFile(path).committed() == "B"


def test_a_file_that_would_have_to_grow_is_no_commit(tmp_path: Path) -> None:
    path = tmp_path / "autoboot.txt"
    path.write_bytes(autoboot.content("A")[:200])
    assert not autoboot.AutobootFile(path).commit("B")
    assert autoboot.AutobootFile(path).committed() == "A"


def test_a_card_that_only_says_it_wrote_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "autoboot.txt"
    path.write_bytes(autoboot.content("A"))
    monkeypatch.setattr(os, "pwrite", lambda _descriptor, content, _at: len(content))
    assert not autoboot.AutobootFile(path).commit("B")
    assert autoboot.AutobootFile(path).committed() == "A"
