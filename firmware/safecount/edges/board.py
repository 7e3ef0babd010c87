"""The board's own sensors: temperature, free disk, and which system slot the firmware started."""

import os
from pathlib import Path

from safecount.delivery.health import BoardState

TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
"""Thousandths of a degree Celsius (Documentation/driver-api/thermal/sysfs-api.rst)."""
BOOT_PARTITION = Path("/proc/device-tree/chosen/bootloader/partition")
"""The partition that the Raspberry Pi's firmware started from, a big-endian number of 32 bits."""
_SLOTS = {2: "A", 3: "B"}


def board_state(data: Path, temperature: Path = TEMPERATURE, boot_partition: Path = BOOT_PARTITION) -> BoardState:
    """How the board is; `data` is any folder on the data partition. What cannot be read is None, 0 or "-"."""
    return BoardState(_celsius(temperature), _free_share(data), _slot(boot_partition))


def _celsius(path: Path) -> float | None:
    try:
        return int(path.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def _free_share(folder: Path) -> float:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0.0
    return disk.f_bavail / disk.f_blocks if disk.f_blocks else 0.0


def _slot(path: Path) -> str:
    try:
        return _SLOTS.get(int.from_bytes(path.read_bytes(), "big"), "-")
    except OSError:
        return "-"
