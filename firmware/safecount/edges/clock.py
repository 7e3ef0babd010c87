"""The system's clocks: UTC with how well it is known, the monotonic clock, and which boot this is.

There is no clock chip on the boards: UTC is right once systemd-timesyncd has seen a server, an estimate before, and
unset while it lies below the floor, which is the later of the image's date and the last receipt's.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from safecount.counting.aggregator import Moment
from safecount.wire.values import ClockQuality

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd makes this file when it has set the clock (systemd-timesyncd.service(8))."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Where the clock is told of: a file whose date has passed (that of the image), and one that appears when a time
    server has been heard (systemd-timesyncd.service(8)).
    """

    floor_file: str = "/usr/lib/clock-epoch"
    synchronized_file: str = "/run/systemd/timesync/synchronized"


class SystemClock:
    """Remembers the floor only."""

    def __init__(self, floor_s: int, synchronized: Path = SYNCHRONIZED) -> None:
        self._floor_s = floor_s
        self._synchronized = synchronized

    def raise_floor(self, floor_s: int) -> None:
        """Take note of a time that has certainly passed, such as a receipt's. The floor never falls."""
        self._floor_s = max(self._floor_s, floor_s)

    @property
    def floor_s(self) -> int:
        return self._floor_s

    def now(self) -> Moment:
        utc_s = time.time()
        if utc_s < self._floor_s:
            quality = ClockQuality.UNSET
        else:
            quality = ClockQuality.SYNCED if self._synchronized.exists() else ClockQuality.ESTIMATED
        return Moment(utc_s, time.monotonic(), quality)


def boot_id(path: Path = BOOT_ID) -> bytes:
    """The kernel's id of this boot, 16 random bytes."""
    return bytes.fromhex(path.read_text(encoding="ascii").replace("-", ""))


def file_date_s(path: Path) -> int:
    """When the file was written, in UTC seconds: a time that has passed; 0 if there is none."""
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
