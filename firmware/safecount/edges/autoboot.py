"""`autoboot.txt`, by which the Raspberry Pi's firmware chooses the slot: read, and changed so that no cut can tear it.

The file is one sector long, filled up with line ends, and overwritten in place: a disk writes a sector wholly or not at all,
while a rename on FAT is several writes. It is then read back from the disk; what was not read back is not committed.
Form: Raspberry Pi documentation, "autoboot.txt"; [tryboot] holds for the one start after "reboot 0 tryboot".
"""

import mmap
import os
import re
from pathlib import Path

from safecount.errors import SafecountError

SECTOR = 512
PARTITIONS = {"A": 2, "B": 3}
"""The boot partition of each slot (image-build: card layout)."""
_SLOTS = {str(number): slot for slot, number in PARTITIONS.items()}
_FORM = re.compile(r"\[all\]\ntryboot_a_b=1\nboot_partition=([23])\n\[tryboot\]\nboot_partition=([23])\n+", re.ASCII)


def content(slot: str) -> bytes:
    """The whole file for a device that starts `slot`, and the other one on trial."""
    other = "B" if slot == "A" else "A"
    text = f"[all]\ntryboot_a_b=1\nboot_partition={PARTITIONS[slot]}\n[tryboot]\nboot_partition={PARTITIONS[other]}\n"
    return text.encode("ascii").ljust(SECTOR, b"\n")


def parse(untrusted: bytes) -> str:
    """The slot that a plain start takes.

    Raises:
        SafecountError: the file is not as we write it.
    """
    found = _FORM.fullmatch(untrusted.decode("ascii", "replace")) if len(untrusted) <= SECTOR else None
    if not found or found[1] == found[2]:
        raise SafecountError("autoboot.txt is not as this firmware writes it; the slot is not changed.")
    return _SLOTS[found[1]]


class AutobootFile:
    """The file on the mounted selector partition. Keeps nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def committed(self) -> str:
        """The slot that a plain start takes."""
        try:
            with self._path.open("rb") as file:
                return parse(file.read(SECTOR + 1))
        except OSError as error:
            raise SafecountError(f"{self._path} cannot be read: {error.strerror}.") from error

    def commit(self, slot: str) -> bool:
        """Make `slot` the one that a plain start takes; True if that was read back. Nothing is written that is so."""
        if self.committed() == slot:
            return True
        try:
            self._overwrite(content(slot))
            return self._read_from_disk() == content(slot)
        except OSError:
            return False

    def _overwrite(self, sector: bytes) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_SYNC)
        try:
            if os.fstat(descriptor).st_size != SECTOR:
                raise OSError("autoboot.txt is not one sector long: it would have to be allocated anew")
            os.pwrite(descriptor, sector, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read_from_disk(self) -> bytes:
        """Past the page cache where the file system allows it."""
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            with mmap.mmap(-1, mmap.PAGESIZE) as page:
                length = os.preadv(descriptor, [page], 0)
                return page[:length]
        finally:
            os.close(descriptor)
