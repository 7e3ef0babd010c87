"""A camera that is missing, comes, hangs, cannot be closed or goes, before the counting process as it runs on a door."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from safecount.edges.litert import load_card
from safecount.edges.spool_db import SpoolDb
from safecount.wire.envelope import Kind, parse_envelope
from safecount.wire.record import decode_health, unpad_body
from safecount.wire.values import Accelerator, CameraState, HealthRecord, Trouble
from safecount_ops.assets import find_asset
from simulators import live_picamera2
from simulators.device import DeviceFolder, stop, wait_until
from simulators.tls import Authority

MODEL = "ssd_mobilenetv2_oidv4_fp16"


@dataclass
class Door:
    device: DeviceFolder
    state: Path
    log: Path

    def camera(self, state: str) -> None:
        beside = self.state.with_suffix(".new")
        beside.write_text(state)
        beside.rename(self.state)

    @contextmanager
    def counting(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as log, self.device.running("seal", log), self.device.running("vision", log) as vision:
            yield vision

    def logged(self, text: str) -> int:
        return self.log.read_text().count(text)

    def health(self) -> list[HealthRecord]:
        if not self.device.socket.exists():
            return []
        with SpoolDb(self.device.spool_file, new_epoch=None) as spool:
            envelopes = [parse_envelope(one.raw) for one in spool.unsent(100_000)]
        return [decode_health(unpad_body(one.contents[0])) for one in envelopes if one.header.kind is Kind.HEALTH]

    def tells(self, trouble: Trouble) -> Callable[[], object]:
        return lambda: any(one.troubles & trouble for one in self.health())


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    card = load_card(MODEL)
    (tmp_path / "models").mkdir()
    shutil.copy(find_asset(MODEL), tmp_path / "models" / card.file)
    device = DeviceFolder(tmp_path)
    device.configure(
        "[health]\nfirst_after_s = 0.3\nevery_s = 0.3\n[camera]\nhung_after_s = 0.5\n"
        f'[model]\ncard = "{MODEL}"\nfolder = "{tmp_path / "models"}"\nthreads = 1\n'
    )
    device.enrol("https://collector.invalid", Authority(tmp_path))
    return Door(device, live_picamera2.install(tmp_path, monkeypatch), tmp_path / "log")


def test_a_camera_that_is_missing_is_told_and_counts_as_soon_as_it_comes(door: Door) -> None:
    door.camera("missing")
    with door.counting() as vision:
        wait_until(lambda: door.logged("cannot be used; it is tried again"), "it is missed")
        wait_until(door.tells(Trouble.CAMERA_MISSING), "the health record tells it", 40)
        assert {one.camera for one in door.health()} == {CameraState.MISSING}
        door.camera("frames")
        wait_until(lambda: door.logged("Frames are being counted"), "it counts")
        assert vision.poll() is None


def test_a_camera_that_hangs_is_opened_anew(door: Door) -> None:
    door.camera("frames")
    with door.counting() as vision:
        wait_until(lambda: door.logged("Frames are being counted"), "it counts")
        door.camera("hung")
        wait_until(lambda: door.logged("it is opened anew"), "it is noticed")
        door.camera("frames")
        wait_until(lambda: door.logged("Frames are being counted") == 2, "it counts again")
        assert vision.poll() is None


def test_a_camera_that_cannot_be_closed_ends_the_process_for_a_new_one(door: Door) -> None:
    door.camera("frames")
    with door.counting() as vision:
        wait_until(lambda: door.logged("Frames are being counted"), "it counts")
        door.camera("stuck")
        wait_until(lambda: vision.poll() is not None, "the process ends")
        assert vision.returncode == 1
        assert door.logged("can no longer be closed")
        door.camera("frames")
        with door.log.open("ab") as log:
            again = door.device.start("vision", log)
        wait_until(lambda: door.logged("Frames are being counted") == 2, "a new one counts")
        assert stop(again) == 0


def test_an_accelerator_that_is_not_there_is_told_while_the_processor_counts(door: Door) -> None:
    settings = door.device.settings_file
    twin = f'[model.edge_tpu]\nfile = "{load_card(MODEL).file}"\nsha256 = "{load_card(MODEL).sha256}"\n'
    settings.write_text(settings.read_text().replace("[[line]]", f"{twin}[[line]]", 1))
    door.camera("frames")
    with door.counting():
        wait_until(lambda: door.logged("The accelerator is gone"), "it is missed")
        wait_until(lambda: door.logged("Frames are being counted"), "it counts")
        wait_until(door.tells(Trouble.ACCELERATOR_LOST), "the health record tells it", 40)
        wait_until(lambda: door.health()[-1].accelerator is Accelerator.CPU, "it tells what counts")


def test_a_reset_opens_the_camera_anew_for_a_site_code_and_an_unreadable_site_does_not(door: Door) -> None:
    site = door.device.part("site") / "site.toml"
    written = site.read_text()
    site.write_text("no site = at all")
    door.camera("frames")
    with door.counting():
        wait_until(lambda: door.logged("Frames are being counted"), "it counts")
        wait_until(lambda: door.logged("The site file cannot be used") >= 2, "both have looked")
        time.sleep(1.0)
        assert door.logged("Frames are being counted") == 1
        door.device.give_site(written)
        wait_until(lambda: door.logged("are released"), "the site is taken up")
        site.unlink()
        wait_until(lambda: door.logged("Frames are being counted") == 2, "the camera is opened for a code")
        time.sleep(1.0)
        assert door.logged("Frames are being counted") == 2
