import time
from pathlib import Path

from safecount.edges.clock import SystemClock, boot_id
from safecount.wire.values import ClockQuality


def test_the_clock_is_unset_below_the_floor_estimated_above_and_synced_when_told(tmp_path: Path) -> None:
    marker = tmp_path / "synchronized"
    assert SystemClock(int(time.time()) + 3600, marker).now().clock is ClockQuality.UNSET
    clock = SystemClock(0, marker)
    assert clock.now().clock is ClockQuality.ESTIMATED
    marker.touch()
    assert clock.now().clock is ClockQuality.SYNCED
    clock.raise_floor(int(time.time()) + 3600)
    clock.raise_floor(5)
    assert clock.now().clock is ClockQuality.UNSET


def test_both_clocks_are_read() -> None:
    before = time.time(), time.monotonic()
    now = SystemClock(0).now()
    assert before[0] <= now.utc_s <= time.time()
    assert before[1] <= now.monotonic_s <= time.monotonic()


def test_a_boot_has_one_id() -> None:
    assert len(boot_id()) == 16
    assert boot_id() == boot_id()
