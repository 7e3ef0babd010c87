"""Opens the data partition, and makes it on first boot. Runs once, before what it carries is mounted."""

import logging
from pathlib import Path

from safecount.edges.board_key import board_key
from safecount.edges.data_disk import DataDisk, DataDiskError, Opened

log = logging.getLogger(__name__)

BOOTED_DISK = Path("/run/safecount-boot/disk")
"""Written by the initramfs: the device of the card that was started."""
SCRATCH = Path("/run/safecount-data")
"""In memory; the unit makes it."""


def run(_settings_file: Path) -> None:
    """Open the data partition of the card that was started.

    Raises:
        SafecountError: it cannot be used; nothing on it was changed.
    """
    try:
        disk = Path(BOOTED_DISK.read_text(encoding="ascii").strip())
    except OSError as error:
        raise DataDiskError(
            f"{BOOTED_DISK} does not tell which card was started: this runs on a device only."
        ) from error
    key = board_key()
    opened = DataDisk(disk, scratch=SCRATCH).open(key)
    if key is None:
        log.warning("this board holds no key of its own: a stolen card can be read")
    if opened is Opened.MADE:
        log.warning("the data partition was made anew")
    if opened is Opened.MENDED:
        log.warning("the data partition's file system was damaged by a power cut, and was mended")
