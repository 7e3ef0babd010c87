"""Every write that an emulated card was given, in order, and the card as it would be had the power failed at any of them.

QEMU's filter `blklogwrites` keeps the log, in the form of the kernel's dm-log-writes
(Documentation/admin-guide/device-mapper/log-writes.rst): a head of one sector, then for each write a sector that tells of it
and its bytes.
"""

import os
import random
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for a place of the card: `length` of them from `start`, to be found in the log from `at`. `barrier`: what was
    written before is on the card for good. Length 0: it is that alone.
    """

    log: Path
    at: int
    start: int
    length: int
    barrier: bool

    def content(self) -> bytes:
        with self.log.open("rb") as file:
            file.seek(self.at)
            return file.read(self.length)

    def meets(self, start: int, end: int) -> bool:
        return self.length > 0 and self.start < end and start < self.start + self.length


def writes(log: Path) -> Iterator[Write]:
    """All writes of a log, whose end may be torn: the emulator was killed."""
    size = log.stat().st_size
    with log.open("rb") as file:
        head = file.read(SECTOR)
        if len(head) < SECTOR or struct.unpack_from("<Q", head)[0] != MAGIC:
            return
        at = SECTOR
        while at + SECTOR <= size:
            file.seek(at)
            sector, sectors, flags, _ = struct.unpack_from("<QQQQ", file.read(SECTOR))
            length = 0 if flags & DISCARD else sectors * SECTOR
            if at + SECTOR + length > size:
                return
            yield Write(log, at + SECTOR, sector * SECTOR, length, bool(flags & (FLUSH | FUA)))
            at += SECTOR + length


def copy_card(card: Path, out: Path) -> None:
    """A copy whose holes stay holes: a card is mostly empty."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", str(card), str(out)], check=True)


def card_after(
    card: Path, made: Sequence[Write], number: int, dice: random.Random, out: Path, *, torn: int | None = None
) -> None:
    """Make the card as it is had the power failed during write `number`: of what was written since the last barrier some is
    there and some is not, and of that write itself the first `torn` sectors (None: any number of them).
    """
    copy_card(card, out)
    certain = max((n for n in range(number) if made[n].barrier), default=-1)
    file = os.open(out, os.O_WRONLY)
    try:
        for place, write in enumerate(made[: number + 1]):
            content = write.content()
            if place == number:
                sectors = dice.randrange(len(content) // SECTOR + 1) if torn is None else torn
                content = content[: SECTOR * sectors]
            if place <= certain or place == number or dice.random() < 0.5:
                os.pwrite(file, content, write.start)
    finally:
        os.close(file)
