"""A marked scene before the emulated device: it is on no block of the card and in no byte on the wire, and in its memory only
while it is seen. The search is in tests/forensics; builds that leak on purpose are found by it.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import forensics
from boot.bench import IMAGE, Bench
from boot.bench_disk import SHARE, Clip, bench_settings, dropped_in, make_bench_disk
from boot.board import Board
from boot.data_content import BLOCK, Content, copy_open, outside_data, written_blocks
from boot.known_files import unknown
from boot.shop import HOST_AS_THE_GUEST_SEES_IT, open_shop
from boot.wire_log import read, records
from boot.write_log import Write, writes
from debian import need
from forensics.search import CHUNK, OVERLAP, find, is_in_bytes
from forensics.watermark import FIRST, SECOND, Watermark, write_clip
from safecount_image.board import read_board
from safecount_image.toolbox import Toolbox, make_toolbox

pytestmark = pytest.mark.image

FPS = 2.5
FIRST_FRAMES, SECOND_FRAMES = 140, 650
"""Of the clip's seven a second: an emulated processor needs a minute for the first scene, and many for the second."""
SIZE = (384, 288)
GONE_AFTER_S = 40.0
"""The time of twenty frames, two seconds of a device's: an emulated processor counts at least one frame in two seconds."""
SEEN = "journalctl -b -q -u safecount-vision -g 'Frames are being counted'"
COPY = "/dev/vdc"
PAGE = 4096
TIME_SERVERS = {f"{number}.debian.pool.ntp.org." for number in range(4)}
LEAK_FOLDER = "/var/lib/safecount/site"
UNSHUT = """[Service]
ExecStart=
ExecStart=/usr/bin/python3 {share}/leaky.py {leak} {folder} /etc/safecount/safecount.toml
User=root
CapabilityBoundingSet=CAP_DAC_OVERRIDE
TemporaryFileSystem=
BindReadOnlyPaths=
ReadOnlyPaths=
ReadWritePaths=-{folder}
"""
"""A build that leaks could not do so from its sandbox: that is taken away too."""


@dataclass
class Watched:
    """An enrolled device before the two scenes. `copy`: a disk for the open content of its data partition."""

    bench: Bench
    toolbox: Toolbox
    copy: Path
    hour: int = 0

    def start(self, *words: str) -> None:
        """Start it anew before the first scene, two minutes before an hour ends."""
        self.hour += 1
        self.bench.words = words
        self.bench.power(self.hour, minute=58)
        self.bench.board.until(SEEN, 400)

    def memory(self) -> bytes:
        """Its memory without pages of zeros."""
        pages = memoryview(self.bench.board.memory())
        zeros = bytes(PAGE)
        return b"".join(pages[at : at + PAGE] for at in range(0, len(pages), PAGE) if pages[at : at + PAGE] != zeros)

    def until_the_scene_changes(self) -> None:
        until_s = time.monotonic() + 600
        while not holds(self.memory(), SECOND):
            assert time.monotonic() < until_s, "the scene does not change"
            self.bench.board.run_for(5.0)

    def content(self, made: list[Write]) -> Content:
        """What lies on the data partition now; ends the device."""
        board = self.bench.board
        blocks = written_blocks(made)
        copy_open(board, blocks, COPY)
        board.cut()
        work = board.work / f"content-{self.hour}"
        work.mkdir()
        disk = work / "data.img"
        shutil.copyfile(self.copy, disk)
        return Content.of(disk, blocks, self.toolbox, work)

    def writes(self) -> list[Write]:
        return [write for log in self.bench.board.write_logs or () for write in writes(log)]


def holds(memory: bytes, watermark: Watermark) -> bool:
    """Whether it lies there as a picture of 8 bits."""
    return any(is_in_bytes(memory[at : at + CHUNK + OVERLAP], watermark) for at in range(0, len(memory), CHUNK))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    for program in ("mmdebstrap", "bwrap"):
        need(program)
    work = tmp_path_factory.mktemp("scene")
    toolbox = make_toolbox()
    clip = write_clip(work / "clip.mkv", [(FIRST, FIRST_FRAMES), (SECOND, SECOND_FRAMES)], SIZE)
    inside = Path(__file__).with_name("inside")
    programs = (inside / "copy_blocks.py", Path(forensics.__path__[0]) / "leaky.py")
    settings = bench_settings(json.loads((IMAGE / "image.json").read_text())["model"], FPS)
    files = {path.name: path.read_bytes() for path in programs} | {"safecount.toml": settings}
    disk = make_bench_disk(toolbox, IMAGE, Clip(clip, FIRST_FRAMES + SECOND_FRAMES), files, work)
    copy = work / "copy.img"
    with open_shop(work) as shop, Board(toolbox, IMAGE, read_board("virt").sizes, work, [disk, copy]) as board:
        copy.touch()
        os.truncate(copy, board.card.stat().st_size)
        board.write_logs, board.captures = [], []
        bench = Bench(board, shop, 0)
        bench.begin()
        yield Watched(bench, toolbox, copy)


def test_a_scene_is_in_memory_while_it_is_seen_and_nowhere_after(device: Watched) -> None:
    device.start()
    assert holds(device.memory(), FIRST), "the search is not blind"
    device.until_the_scene_changes()
    device.bench.board.run_for(GONE_AFTER_S)
    after = device.memory()
    assert holds(after, SECOND), "nor then"
    found = find(after, FIRST)
    assert not found, [(one.form, one.at) for one in found]


def test_every_changed_block_is_something_known_and_no_picture(device: Watched) -> None:
    bench = device.bench
    bench.board.until("systemctl is-active safecount-seal safecount-uplink safecount-update", 400)
    until_s = time.monotonic() + 400
    while bench.hour_s(device.hour) not in bench.shop.hours():
        assert time.monotonic() < until_s, "the hour is sealed, stored and sent"
        bench.board.run_for(5.0)
    made = device.writes()
    assert outside_data(made) == []
    content = device.content(made)
    assert unknown(content.files, bench.board.work) == {}
    everything = b"".join([*content.files.values(), content.left])
    assert len(everything) > 20 * BLOCK
    for watermark in (FIRST, SECOND):
        assert find(everything, watermark) == []


def test_every_byte_on_the_wire_is_something_known(device: Watched) -> None:
    board = device.bench.board
    port = int(device.bench.shop.url.rpartition(":")[2])
    wire = read(board.captures or ())
    assert wire.unknown == []
    assert wire.names <= TIME_SERVERS
    ours = {stream for stream in wire.streams if stream[2:] == (HOST_AS_THE_GUEST_SEES_IT, port)}
    others = {stream for stream in wire.streams if stream[:2] == (HOST_AS_THE_GUEST_SEES_IT, port)}
    assert ours
    assert set(wire.streams) == ours | others
    for stream in wire.streams.values():
        assert records(stream).rest == b""


@pytest.mark.parametrize("leak", ["thumbnail", "core"])
def test_a_build_that_writes_pictures_to_the_card_is_caught(device: Watched, leak: str) -> None:
    device.start(dropped_in("safecount-vision.service", UNSHUT.format(share=SHARE, leak=leak, folder=LEAK_FOLDER)))
    device.until_the_scene_changes()
    content = device.content(device.writes())
    assert any(find(file, FIRST) for file in content.files.values())


def test_a_build_that_logs_pictures_is_caught(device: Watched) -> None:
    device.start(dropped_in("safecount-vision.service", UNSHUT.format(share=SHARE, leak="row", folder=LEAK_FOLDER)))
    device.bench.board.run_for(10.0)
    journal = device.bench.board.ask("journalctl -b -o cat --no-pager -u safecount-vision")
    assert find(journal.encode(), FIRST)


def test_a_build_that_keeps_pictures_is_caught(device: Watched) -> None:
    device.start(dropped_in("safecount-vision.service", UNSHUT.format(share=SHARE, leak="kept", folder=LEAK_FOLDER)))
    device.until_the_scene_changes()
    device.bench.board.run_for(GONE_AFTER_S)
    assert holds(device.memory(), FIRST)
