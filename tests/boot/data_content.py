"""What a device has written to its card: where, and what it is. The data partition is encrypted there; the device itself gives
its open content, those blocks alone that were ever written, onto another disk.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from boot.bench_disk import SHARE
from boot.board import Board
from boot.card_after import PLACES
from boot.write_log import Write
from safecount.edges.data_disk import HEADER_BYTES, MAPPED
from safecount_image.card import MIB
from safecount_image.toolbox import Toolbox

BLOCK = 4096
LINE = 60
"""Ranges in a line that is typed: a terminal takes 4,095 characters."""
DATA_START = PLACES["data"][0]
TABLES = [
    (start, start + BLOCK) for start in (0, PLACES["root-a"][0] - MIB, PLACES["root-b"][0] - MIB, DATA_START - MIB)
]
"""The blocks that tell of the partitions; the first start stretches the last partition to the card's end."""


def outside_data(made: Iterable[Write]) -> list[Write]:
    """The writes that are neither in the data partition nor in the tables of the partitions."""
    return [
        write
        for write in made
        if write.length and write.start < DATA_START
        and not any(start <= write.start and write.start + write.length <= end for start, end in TABLES)
    ]  # fmt: skip


def written_blocks(made: Iterable[Write]) -> list[int]:
    """The blocks of the open data partition that were written at least once."""
    begin = DATA_START + HEADER_BYTES
    blocks: set[int] = set()
    for write in made:
        if write.length and write.start + write.length > begin:
            first = max(0, write.start - begin) // BLOCK
            blocks.update(range(first, -(-(write.start + write.length - begin) // BLOCK)))
    return sorted(blocks)


def copy_open(board: Board, blocks: Sequence[int], device: str) -> None:
    """Have the running device copy these blocks of its open data partition to another of its disks."""
    board.ask("sync; : > /run/ranges")
    ranges = [
        [number for _, number in group] for _, group in groupby(enumerate(blocks), lambda pair: pair[1] - pair[0])
    ]
    for start in range(0, len(ranges), LINE):
        text = "\\n".join(f"{part[0]} {len(part)}" for part in ranges[start : start + LINE])
        board.ask(f"printf '{text}\\n' >> /run/ranges")
    board.ask(f"python3 -I {SHARE}/copy_blocks.py {MAPPED} {device} {BLOCK} /run/ranges", 300)


@dataclass(frozen=True)
class Content:
    """A data partition's content: its files, by path, and what was written and belongs to no file any more."""

    files: dict[str, bytes]
    left: bytes

    @classmethod
    def of(cls, disk: Path, blocks: Iterable[int], toolbox: Toolbox, work: Path) -> "Content":
        """Read the file system that `copy_open` has copied, as the next start would find it."""
        # 1: what the journal held was put in its place.
        toolbox.run("sh", "-c", f"e2fsck -fy {disk} || test $? -eq 1", writable=[work])
        out = work / "files"
        out.mkdir()
        toolbox.run("debugfs", "-R", f"rdump / {out}", disk, writable=[work])
        told = toolbox.run("dumpe2fs", disk, writable=[work])
        free: set[int] = set()
        for line in re.findall(r"^ *Free blocks: (.*)$", told, re.MULTILINE):
            for first, _, last in (part.partition("-") for part in line.split(", ") if part):
                free.update(range(int(first), int(last or first) + 1))
        with disk.open("rb") as file:
            parts = []
            for number in sorted(free.intersection(blocks)):
                file.seek(number * BLOCK)
                parts.append(file.read(BLOCK))
        files = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        return cls(files, b"".join(part for part in parts if any(part)))
