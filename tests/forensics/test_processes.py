"""The device's real processes count a watermarked scene: one of them holds it while it is seen, and none after."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from forensics.memory import memory_of
from forensics.search import find, is_in_bytes
from forensics.watermark import FIRST, SECOND, Watermark, write_clip
from safecount.edges.litert import load_card
from safecount_ops.assets import find_asset
from simulators.collector import MemoryCollector
from simulators.device import DeviceFolder, stop, wait_until
from simulators.keys import signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.tls import Authority

MODEL = "ssd_mobilenetv2_oidv4_fp16"
FIRST_S, SECOND_S, FPS = 2.0, 60.0, 10
SIZE = (384, 288)
GONE_AFTER_S = 2.0
"""What was seen is nowhere so long after the scene has changed."""
PATIENCE_S, LOOK_EVERY_S = 55.0, 1.0
UNIT = Path(__file__).parents[2] / "config/usr/lib/systemd/system/safecount-vision.service"
ENVIRONMENT = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))
"""What the counting process is started with on a device."""
LEAKY = Path(__file__).with_name("leaky.py")


@dataclass
class Watch:
    """The running processes of a device, and where they send."""

    device: DeviceFolder
    collector: LoopbackCollector
    processes: dict[str, subprocess.Popen[bytes]]
    journal: Path

    def wait_for_change(self) -> None:
        """Until the counting process sees the second scene."""

        def changed() -> bool:
            time.sleep(LOOK_EVERY_S)
            return is_in_bytes(memory_of(self.processes["vision"].pid), SECOND)

        wait_until(changed, "the scene changes", PATIENCE_S)

    def memories(self) -> dict[str, bytes]:
        """What each process holds now."""
        return {name: memory_of(process.pid) for name, process in self.processes.items()}

    def on_disk(self, watermark: Watermark) -> set[str]:
        """The files of the device's folders that hold it, and the journal."""
        files = [path for path in (self.device.folder / "state").rglob("*") if path.is_file()]
        return {path.name for path in (*files, self.journal) if find(path.read_bytes(), watermark)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """First one scene, then another, at the clip's own ten frames a second."""
    scenes = [(FIRST, round(FIRST_S * FPS)), (SECOND, round(SECOND_S * FPS))]
    return write_clip(tmp_path_factory.mktemp("clip") / "scenes.avi", scenes, SIZE)


@contextmanager
def watched(folder: Path, clip: Path, leak: str = "") -> Iterator[Watch]:
    """An enrolled device that counts the clip once, from its first frame on; with `leak`, a build that is broken on purpose."""
    authority = Authority(folder)
    collector = LoopbackCollector(MemoryCollector(signing_key("device").public_key()))
    collector.store.received_at_s = int(time.time())
    device = DeviceFolder(folder)
    card = load_card(MODEL)
    (folder / "models").mkdir()
    shutil.copy(find_asset(MODEL), folder / "models" / card.file)
    device.configure(
        f'[clip]\nfile = "{clip}"\nlooped = false\n[camera]\nframes_per_second = {FPS}.0\n'
        f'[model]\ncard = "{MODEL}"\nfolder = "{folder / "models"}"\nthreads = 1\n'
        "[upload]\nround_s = 0.4\nfirst_retry_s = 0.2\nlongest_retry_s = 1.0\n"
        "[health]\nfirst_after_s = 0.5\nevery_s = 0.5\n"
    )
    journal = folder / "journal.log"
    with collector.serving(authority) as url, ExitStack() as stack, journal.open("wb") as log:
        device.enrol(url, authority)
        processes = {role: stack.enter_context(device.running(role, log)) for role in ("seal", "uplink")}
        command = [sys.executable, "-m", "safecount", "vision"]
        if leak:
            command = [sys.executable, str(LEAKY), leak, str(device.part("site"))]
        settings = [str(device.settings_file)] if leak else ["--settings", str(device.settings_file)]
        processes["vision"] = subprocess.Popen([*command, *settings], stderr=log, env=os.environ | ENVIRONMENT)
        stack.callback(stop, processes["vision"])
        wait_until(lambda: "being counted" in journal.read_text(), "frames are counted")
        yield Watch(device, collector, processes, journal)


def test_a_scene_is_in_one_process_while_it_is_seen_and_nowhere_after(tmp_path: Path, clip: Path) -> None:
    with watched(tmp_path, clip) as watch:
        seen = watch.memories()["vision"]
        watch.wait_for_change()
        time.sleep(GONE_AFTER_S)
        after = watch.memories()
        wait_until(lambda: len(watch.collector.store.stored) > 1, "something was sent")
        sent = b"".join(one.raw for one in watch.collector.store.stored.values())
    assert is_in_bytes(seen, FIRST), "the search is not blind"
    assert is_in_bytes(after["vision"], SECOND), "nor then"
    assert {name for name, memory in after.items() if find(memory, FIRST)} == set()
    for watermark in (FIRST, SECOND):
        assert watch.on_disk(watermark) == set()
        assert not find(sent, watermark)


@pytest.mark.parametrize("leak", ["thumbnail", "row", "core"])
def test_a_build_that_writes_pictures_is_caught(tmp_path: Path, clip: Path, leak: str) -> None:
    with watched(tmp_path, clip, leak) as watch:
        wait_until(lambda: watch.on_disk(FIRST), "it is found on the disk", PATIENCE_S)


def test_a_build_that_keeps_pictures_is_caught(tmp_path: Path, clip: Path) -> None:
    with watched(tmp_path, clip, "kept") as watch:
        watch.wait_for_change()
        time.sleep(GONE_AFTER_S)
        after = watch.memories()["vision"]
    assert is_in_bytes(after, FIRST)
