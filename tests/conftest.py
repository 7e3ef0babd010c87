"""What holds for every test."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine may stop for longer than hypothesis's 200 ms between two lines: how long an example takes is no finding.
settings.register_profile("safecount", deadline=None)
settings.load_profile("safecount")

MEMORY, ROOM_BYTES = "/dev/shm", 8 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary folders in memory, where there is room: much of the time went into waiting for a disk to sync.

    What a killed process leaves is the same there. Disks that fail or are full are made by the tests that need them. Cards of
    an emulated board, gigabytes of them, stay on the disk.
    """
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or config.option.markexpr == "image" or not Path(MEMORY).is_dir():
        return
    runs_programs = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if runs_programs and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = MEMORY
