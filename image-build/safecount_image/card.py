"""The card: an MBR, as the firmware of a Pi 3 and Zero 2 W starts no other, with the selector, two slots and the data.

    p1 selector   autoboot.txt alone: which slot the firmware starts
    p2 p3 boot    A and B: kernel, initramfs, command line
    p4            holds what follows
    p5 p6 root    A and B: erofs and its hash tree
    p7 data       blank; the device makes it its own on first boot

Slot B is blank on a new card; the first update fills it.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from safecount_image.errors import BuildError
from safecount_image.sizes import Sizes
from safecount_image.toolbox import Toolbox

MIB = 1 << 20
SECTOR_BYTES = 512
DISK_SIGNATURE = "5afec047"
"""In the MBR at byte 440; the initramfs knows the card by it, and PARTUUIDs begin with it."""
AUTOBOOT = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"


@dataclass(frozen=True, slots=True)
class Partition:
    """Where a partition lies, in MiB, and its type in the MBR. `number` as Linux counts them."""

    name: str
    number: int
    start_mib: int
    size_mib: int
    kind: str


def layout(sizes: Sizes) -> tuple[Partition, ...]:
    """All partitions in the order of the disk. A MiB before each logical one holds the sector that tells of it."""
    boot = [
        Partition(f"boot-{slot}", 2 + n, 1 + sizes.selector + n * sizes.boot, sizes.boot, "c")
        for n, slot in enumerate("ab")
    ]
    extended = boot[1].start_mib + sizes.boot
    root = [
        Partition(f"root-{slot}", 5 + n, extended + 1 + n * (sizes.root + 1), sizes.root, "83")
        for n, slot in enumerate("ab")
    ]
    data = Partition("data", 7, root[1].start_mib + sizes.root + 1, sizes.data, "83")
    container = Partition("extended", 4, extended, data.start_mib + data.size_mib - extended, "f")
    return (Partition("selector", 1, 1, sizes.selector, "e"), *boot, container, *root, data)


def partition_table(partitions: tuple[Partition, ...]) -> str:
    """The layout as a script for sfdisk."""
    head = f"label: dos\nlabel-id: 0x{DISK_SIGNATURE}\nunit: sectors\n"
    sectors = MIB // SECTOR_BYTES
    lines = (
        f"{p.number} : start={p.start_mib * sectors}, size={p.size_mib * sectors}, type={p.kind}\n" for p in partitions
    )
    return head + "".join(lines)


def make_card(toolbox: Toolbox, out: Path, sizes: Sizes, contents: Mapping[str, Path]) -> None:
    """Write the whole card.

    Args:
        toolbox: has sfdisk.
        out: the file to make.
        sizes: of the partitions.
        contents: a file by the partition's name. What is named nowhere stays a hole, but for the first MiB of data: its zeros
            are written, so that flashing over an old card leaves nothing there that could be taken for data.

    Raises:
        BuildError: a content does not fit into its partition.
    """
    partitions = layout(sizes)
    end = max(p.start_mib + p.size_mib for p in partitions)
    with out.open("wb") as file:
        file.truncate(end * MIB)
    _write_table(toolbox, out, partition_table(partitions))
    with out.open("r+b") as card:
        for partition in partitions:
            card.seek(partition.start_mib * MIB)
            if partition.name == "data":
                card.write(bytes(MIB))
            elif partition.name in contents:
                _copy(contents[partition.name], card, partition)


def _write_table(toolbox: Toolbox, out: Path, script: str) -> None:
    line = toolbox.command(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", out], writable=[out.parent])
    done = subprocess.run(line, check=False, input=script, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"The partition table could not be written:\n{done.stderr.strip()}")


def _copy(source: Path, card: BinaryIO, partition: Partition) -> None:
    size = source.stat().st_size
    if size > partition.size_mib * MIB:
        raise BuildError(
            f"{source.name} has {size / MIB:.0f} MiB, more than the {partition.size_mib} MiB of {partition.name}; "
            "give it more in boards.toml, or put less into it."
        )
    start = partition.start_mib * MIB
    with source.open("rb") as opened:
        at = 0
        while block := opened.read(MIB):
            if block.strip(b"\0"):  # zeros stay a hole: flashing leaves them out
                card.seek(start + at)
                card.write(block)
            at += len(block)
