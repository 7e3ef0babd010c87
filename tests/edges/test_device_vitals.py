import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.edges.device_vitals import DeviceVitals, memory_free, services_run
from safecount.edges.vitals_file import FRESH_S, CountingVitals, leave_vitals, read_vitals
from safecount.wire.values import Accelerator, CameraState

GOOD = CountingVitals(CameraState.WORKING, Accelerator.CPU, 40, 1_800_000_000)


def vitals(folder: Path, *, owned: bool = True) -> DeviceVitals:
    return DeviceVitals(folder, folder / "vitals", owned=owned, units=())


def test_what_was_left_is_read_while_it_is_fresh(tmp_path: Path) -> None:
    path = tmp_path / "vitals"
    assert read_vitals(path) is None
    leave_vitals(path, GOOD)
    assert read_vitals(path) == GOOD
    old_s = time.time() - FRESH_S - 5
    os.utime(path, (old_s, old_s))
    assert read_vitals(path) is None


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x84\x09\x00\x00\x00", b"x" * 100])
def test_what_cannot_be_read_is_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "vitals").write_bytes(content)
    assert read_vitals(tmp_path / "vitals") is None


def test_sealed_and_reached_are_what_happened_since_the_first_look(tmp_path: Path) -> None:
    device = vitals(tmp_path)
    leave_vitals(tmp_path / "vitals", GOOD)
    first = device.sample()
    assert (first.frames, first.model, first.sealed, first.reached) == (True, True, False, False)
    leave_vitals(tmp_path / "vitals", replace(GOOD, sequence=41))
    assert (device.sample().sealed, device.sample().reached) == (True, False)
    leave_vitals(tmp_path / "vitals", replace(GOOD, sequence=41, received_at_s=1_800_000_001))
    assert device.sample().reached


def test_a_silent_or_blind_device_has_no_frames(tmp_path: Path) -> None:
    assert vitals(tmp_path).sample().frames is False
    leave_vitals(tmp_path / "vitals", replace(GOOD, camera=CameraState.FAILING, accelerator=Accelerator.NONE))
    assert (vitals(tmp_path).sample().frames, vitals(tmp_path).sample().model) == (False, False)


def test_before_it_belongs_to_a_site_nothing_is_asked_of_counting(tmp_path: Path) -> None:
    sample = vitals(tmp_path, owned=False).sample()
    assert (sample.frames, sample.model, sample.sealed, sample.reached) == (None, None, None, None)
    assert 0 < sample.memory_free < 1


def test_the_day_before_counts_as_lately(tmp_path: Path) -> None:
    leave_vitals(tmp_path / "vitals", replace(GOOD, received_at_s=int(time.time()) - 3600))
    assert vitals(tmp_path).reached_lately()
    leave_vitals(tmp_path / "vitals", replace(GOOD, received_at_s=int(time.time()) - 90_000))
    assert not vitals(tmp_path).reached_lately()


@pytest.mark.parametrize(
    ("shown", "well"),
    [
        ("ActiveState=active\nNRestarts=0\n\nActiveState=inactive\nNRestarts=1\n", True),
        ("ActiveState=failed\nNRestarts=0\n", False),
        ("ActiveState=active\nNRestarts=4\n", False),
        ("ActiveState=activating\nNRestarts=3\n", True),
    ],
)
def test_services(shown: str, well: bool) -> None:  # noqa: FBT001
    assert services_run(shown) == well


def test_memory(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 250 kB\nOdd\n")
    assert memory_free(tmp_path / "meminfo") == 0.25
