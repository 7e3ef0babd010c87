"""The judge of power cuts is judged: writes that QEMU has logged, in the right order and in wrong ones. No guest is started."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from boot.bench import IMAGE
from boot.board import logged_card
from boot.card_after import PLACES, Recording
from boot.firmware import Firmware
from boot.releases import Images
from boot.write_log import SECTOR, copy_card
from safecount.edges.autoboot import content
from safecount_image.board import read_board
from safecount_image.toolbox import Toolbox, make_toolbox

pytestmark = pytest.mark.image

FLUSH = b""
Step = tuple[int, bytes]


class Bench:
    """A card, two small files for a release, and what may be written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.toolbox = folder, make_toolbox()
        self.card = folder / "card.img"
        copy_card(IMAGE / "card.img", self.card)
        self.images = Images(folder / "root", folder / "boot")
        self.images.root.write_bytes(b"r" * 8 * SECTOR)
        self.images.boot.write_bytes(b"b" * 8 * SECTOR)
        start, end = PLACES["selector"]
        with self.card.open("rb") as opened:
            opened.seek(start)
            selector = opened.read(end - start)
        self.commit: Step = (start + selector.index(content("A")), content("B"))
        self.boot: Step = (PLACES["boot-b"][0], b"b" * 8 * SECTOR)
        self.root: Step = (PLACES["root-b"][0], b"r" * 8 * SECTOR)

    def judged(self, *steps: Step) -> int:
        """Have QEMU write, and judge what it has logged."""
        before = self.folder / "before.img"
        copy_card(self.card, before)
        log = self.folder / "writes.log"
        log.write_bytes(b"")
        line = ["qemu-system-aarch64", "-machine", "none", "-display", "none", "-monitor", "stdio"]
        line += [word for node in logged_card(self.card, log) for word in ("-blockdev", node)]
        self._monitor(self.toolbox, line, steps)
        made = Recording.of(before, [log], self.images)
        return made.judge(lambda card: Firmware(self.toolbox, card, read_board("virt").sizes, self.folder))

    def _monitor(self, toolbox: Toolbox, line: Sequence[str], steps: Sequence[Step]) -> None:
        typed = []
        for number, (start, what) in enumerate(steps):
            file = self.folder / f"step-{number}"
            file.write_bytes(what)
            typed.append(f'qemu-io d0 "write -s {file} {start} {len(what)}"' if what else 'qemu-io d0 "flush"')
        command = toolbox.command(line, writable=[self.folder])
        subprocess.run(
            command, input="\n".join([*typed, "quit", ""]), text=True, check=True, capture_output=True, timeout=60
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_release_that_is_on_the_card_before_it_is_chosen_is_well(bench: Bench) -> None:
    assert bench.judged(bench.boot, bench.root, (0, FLUSH), bench.commit) == 3


def test_a_slot_that_is_chosen_before_it_is_whole_is_found(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="root-b is not what was released"):
        bench.judged(bench.boot, (0, FLUSH), bench.commit, bench.root)


def test_a_slot_that_may_still_be_in_the_cards_memory_is_found(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="nothing made sure"):
        bench.judged(bench.boot, (0, FLUSH), bench.root, bench.commit)


def test_a_write_into_the_slot_that_runs_is_found(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="the slot that works"):
        bench.judged((PLACES["root-a"][0], bytes(SECTOR)), bench.boot, bench.root, (0, FLUSH), bench.commit)


def test_damage_to_a_slot_that_was_chosen_is_found(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="after it was chosen"):
        bench.judged(bench.boot, bench.root, (0, FLUSH), bench.commit, (PLACES["root-b"][0], bytes(SECTOR)))
