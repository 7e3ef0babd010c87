"""What stands for the seal process where there is no disk, as the service manager starts it."""

from pathlib import Path

from safecount.delivery.lamp_pattern import TICK_S, pattern_of
from safecount.wire.values import Trouble
from simulators.device import DeviceFolder, stop, wait_until


def test_without_a_disk_the_lamp_says_so_until_the_process_is_stopped(tmp_path: Path) -> None:
    led = tmp_path / "led"
    led.mkdir()
    for name in ("brightness", "trigger"):
        (led / name).write_text("mmc0")
    device = DeviceFolder(tmp_path)
    device.configure(f'[lamp]\nfolder = "{led}"\n')
    process = device.start("diskless")
    try:
        wait_until(lambda: (led / "trigger").read_text() == "none", "it takes the lamp")
        ticks = pattern_of(Trouble.DISK_FAILING).ticks
        assert sum(ticks) == 4, "what docs/device.md says"
        wait_until(lambda: (led / "brightness").read_text() == "1", "it flashes", 4 * len(ticks) * TICK_S)
    finally:
        assert stop(process) == 0
    assert (led / "brightness").read_text() == "0"
