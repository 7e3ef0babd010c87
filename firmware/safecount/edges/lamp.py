"""The lamp on the board: a light-emitting diode that the kernel gives as a folder (Documentation/leds/leds-class.rst).

Untested on hardware: docs/device.md. A board without a lamp is told by an empty or absent folder, and nothing is shown.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from safecount.delivery.lamp_pattern import TICK_S, WAITING, LampPattern


@dataclass(frozen=True, slots=True)
class LampSettings:
    """The folder in which the kernel gives the lamp on the board, such as /sys/class/leds/ACT; "" for none."""

    folder: str = ""


class Lamp:
    """Shows a pattern in a thread of its own until it is told another; dark when it is closed."""

    def __init__(self, folder: str, tick_s: float = TICK_S) -> None:
        """`folder` is such as /sys/class/leds/ACT; "" for a board without a lamp."""
        self._brightness = Path(folder, "brightness")
        self._trigger = Path(folder, "trigger")
        self._tick_s = tick_s
        self._pattern = WAITING
        self._there = bool(folder) and self._brightness.exists()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lamp", daemon=True)

    def __enter__(self) -> Self:
        if self._there:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        if self._there:
            self._thread.join()

    def show(self, pattern: LampPattern) -> None:
        """From the next tick on; a pattern that is shown already goes on where it is."""
        if pattern != self._pattern:
            self._pattern = pattern

    def _run(self) -> None:
        """A lamp that cannot be written is no reason to stop sealing."""
        with suppress(OSError):
            self._trigger.write_text("none", encoding="ascii")  # the kernel's own patterns, such as that of the card
            lit: bool | None = None
            while not self._closing.is_set():
                pattern = self._pattern
                for on in pattern.ticks:
                    if on != lit:
                        self._brightness.write_text("1" if on else "0", encoding="ascii")
                        lit = on
                    if self._closing.wait(self._tick_s) or self._pattern is not pattern:
                        break
            self._brightness.write_text("0", encoding="ascii")
