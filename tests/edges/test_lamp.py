"""On a folder of plain files, as the kernel's own looks; what only hardware can show is named in docs/device.md."""

from pathlib import Path

from safecount.delivery.lamp_pattern import LampPattern
from safecount.edges.lamp import Lamp
from simulators.device import wait_until


def led(folder: Path) -> Path:
    for name in ("brightness", "trigger"):
        (folder / name).write_text("mmc0")
    return folder / "brightness"


def test_the_lamp_takes_over_from_the_kernel_flashes_and_is_dark_in_the_end(tmp_path: Path) -> None:
    brightness = led(tmp_path)
    with Lamp(str(tmp_path), tick_s=0.01) as lamp:
        wait_until(lambda: (tmp_path / "trigger").read_text() == "none", "the kernel's pattern is off")
        lamp.show(LampPattern((True, False)))
        for _ in range(2):
            wait_until(lambda: brightness.read_text() == "1", "it flashes")
            wait_until(lambda: brightness.read_text() == "0", "it flashes")
        lamp.show(LampPattern((True,)))
        wait_until(lambda: brightness.read_text() == "1", "it is lit")
    assert brightness.read_text() == "0"


def test_a_pattern_that_is_shown_again_and_again_comes_to_its_end(tmp_path: Path) -> None:
    """As the seal process shows it, twice a second: it must not begin anew each time."""
    brightness = led(tmp_path)
    with Lamp(str(tmp_path), tick_s=0.02) as lamp:

        def lit() -> bool:
            lamp.show(LampPattern((False,) * 20 + (True,) * 5))
            return brightness.read_text() == "1"

        lamp.show(LampPattern((False,)))
        wait_until(lambda: brightness.read_text() == "0", "it is dark")
        wait_until(lit, "the end of the pattern", 5.0)


def test_a_board_without_a_lamp_shows_nothing_and_goes_on(tmp_path: Path) -> None:
    for folder in ("", str(tmp_path / "none")):
        with Lamp(folder) as lamp:
            lamp.show(LampPattern((True,)))
    assert list(tmp_path.iterdir()) == []


def test_a_lamp_that_is_pulled_away_stops_nobody(tmp_path: Path) -> None:
    led(tmp_path)
    (tmp_path / "trigger").chmod(0o400)
    (tmp_path / "trigger").unlink()
    (tmp_path / "trigger").mkdir()
    with Lamp(str(tmp_path), tick_s=0.01) as lamp:
        lamp.show(LampPattern((True,)))
