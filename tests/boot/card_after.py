"""What an update wrote to a card, and every card that a power cut on its way could have left.

All are judged by what the firmware would start from them: it must be a slot that is whole, bit for bit a release.
"""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boot.firmware import Firmware
from boot.releases import Images
from boot.write_log import SECTOR, Write, card_after, copy_card, writes
from safecount_image.board import read_board
from safecount_image.card import MIB, layout

_PARTS = layout(read_board("virt").sizes)
PLACES = {part.name: (part.start_mib * MIB, (part.start_mib + part.size_mib) * MIB) for part in _PARTS}
"""From where to where each partition lies, in bytes of the card."""
TABLE = (0, MIB)
SLOT_B = 3


@dataclass(frozen=True)
class Recording:
    """`before`: the card at first. `made`: all writes of `starts` starts, from slot A to the commit of slot B with `images`."""

    before: Path
    made: Sequence[Write]
    starts: int
    images: Images

    @classmethod
    def of(cls, before: Path, logs: Sequence[Path], images: Images) -> "Recording":
        return cls(before, [write for log in logs for write in writes(log)], len(logs), images)

    @property
    def phases(self) -> dict[str, range]:
        """The writes of each part of an update, by their number. A phase ends where the next begins."""
        slot = [n for n, write in enumerate(self.made) if _meets(write, "boot-b", "root-b")]
        selector = [n for n, write in enumerate(self.made) if _meets(write, "selector")]
        trial = next(n for n, write in enumerate(self.made) if write.log != self.made[0].log)
        return {
            "download": range(slot[0]),
            "install": range(slot[0], trial),
            "trial": range(trial, selector[0]),
            "commit": range(selector[0], min(len(self.made), selector[-1] + 20)),
        }

    def cut(self, dice: random.Random, out: Path) -> str:
        """Make the card that a cut at a random write leaves, each phase as often as the others; gives the phase."""
        phase = dice.choice([*self.phases])
        card_after(self.before, self.made, dice.choice(self.phases[phase]), dice, out)
        return phase

    def judge(self, firmware_of: Callable[[Path], Firmware]) -> int:
        """Go through all cuts: after each write, and within each of the selector after each of its sectors. Gives how many.

        Raises:
            AssertionError: one leaves a card from which the firmware would start a slot that is not whole.
        """
        card = self.before.with_name("judged.img")
        copy_card(self.before, card)
        firmware, cuts, chosen = firmware_of(card), 0, False
        file = os.open(card, os.O_WRONLY)
        try:
            for number, write in enumerate(self.made):
                for place in ("boot-a", "root-a"):
                    assert not _meets(write, place), f"write {number} goes into the slot that works"
                assert not write.meets(*TABLE), f"write {number} goes into the partition table"
                assert not (chosen and _meets(write, "boot-b", "root-b")), (
                    f"write {number} changes B after it was chosen"
                )
                step = SECTOR if _meets(write, "selector") else max(1, write.length)
                content = write.content()
                for done in range(0, len(content), step):
                    os.pwrite(file, content[done : done + step], write.start + done)
                    cuts += 1
                    if step == SECTOR:
                        chosen = firmware.partition(tryboot=False) == SLOT_B
                    if step == SECTOR and chosen:
                        self._assert_whole(card, number)
        finally:
            os.close(file)
        assert firmware.partition(tryboot=False) == SLOT_B, "the update was committed"
        return cuts

    def _assert_whole(self, card: Path, number: int) -> None:
        """Slot B is what was released, and was on the card for good before the firmware was told to start it."""
        last = max(n for n, write in enumerate(self.made[:number]) if _meets(write, "boot-b", "root-b"))
        assert any(write.barrier for write in self.made[last + 1 : number]), (
            "nothing made sure that slot B is on the card"
        )
        with card.open("rb") as opened:
            for place, image in (("boot-b", self.images.boot), ("root-b", self.images.root)):
                opened.seek(PLACES[place][0])
                content = image.read_bytes()
                assert opened.read(len(content)) == content, f"after write {number} {place} is not what was released"


def _meets(write: Write, *places: str) -> bool:
    return any(write.meets(*PLACES[place]) for place in places)
