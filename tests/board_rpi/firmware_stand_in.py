"""Starts a card on QEMU's Raspberry Pi 3 as its firmware would: `autoboot.txt` names the partition, `config.txt` what to load.

It reads what the real firmware reads and does with it what is documented of that; it is not the firmware. On the way it
writes the partition's number into the device tree and puts the serial port's own name for `serial0`.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safecount_image.board import Board
from safecount_image.card import MIB, layout
from safecount_image.toolbox import Toolbox

SECTION = "pi3"
SERIAL0 = "ttyS1"  # of the Pi 3's small serial port, as Debian's kernel counts
DEVICE_TREE = "bcm2710-rpi-3-b.dtb"
CARD_BYTES = 2 << 30  # QEMU's card slot takes a power of two


class Firmware:
    """The first moments of a Pi 3, on a copy of a card that is grown to a real card's size."""

    def __init__(self, toolbox: Toolbox, board: Board, card: Path) -> None:
        self._toolbox = toolbox
        self._board = board
        self._card = card
        os.truncate(card, CARD_BYTES)

    def partition(self) -> int:
        """The number that `autoboot.txt` of the first partition names."""
        return int(_settings(self._text(1, "autoboot.txt"))["boot_partition"])

    def load(self, into: Path) -> list[str]:
        """Copy what `config.txt` names into a folder; the arguments for QEMU."""
        number = self.partition()
        config = _settings(self._text(number, "config.txt"))
        initramfs = config["initramfs"].split()[0]
        for name in (config["kernel"], initramfs, DEVICE_TREE):
            copy: list[str | Path] = ["mcopy", "-o", "-i", self._at(number), f"::{name}", into / name]
            self._toolbox.run(*copy, readable=[self._card.parent], writable=[into])
        tree = into / DEVICE_TREE
        node = "/chosen/bootloader"
        self._toolbox.run("fdtput", "-cp", tree, node, writable=[into])
        self._toolbox.run("fdtput", "-t", "u", tree, node, "partition", str(number), writable=[into])
        # The rehearsal reads what starts; the card that ships is quiet.
        line = (
            self._text(number, config["cmdline"]).strip().replace("serial0", SERIAL0)
            + " loglevel=7 systemd.show_status=1"
        )
        line += " systemd.watchdog_sec=0"  # QEMU's Pi resets at once where a real one begins to count
        return [
            "-kernel", str(into / config["kernel"]), "-initrd", str(into / initramfs), "-dtb", str(tree),
            "-append", line,
        ]  # fmt: skip

    def _text(self, number: int, name: str) -> str:
        return self._toolbox.run("mtype", "-i", self._at(number), f"::{name}", readable=[self._card.parent])

    def _at(self, number: int) -> str:
        start = next(p.start_mib for p in layout(self._board.sizes) if p.number == number)
        return f"{self._card}@@{start * MIB}"


def _settings(text: str) -> dict[str, str]:
    """The settings of an ini file of the firmware's, as a Pi 3 sees them: of [all] and of its own section."""
    section, found = "all", {}
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line.strip()):
            section = heading[1]
        elif line.strip() and section in {"all", SECTION}:
            name, _, value = line.strip().partition("=" if "=" in line else " ")
            found[name] = value
    return found


@contextmanager
def started(toolbox: Toolbox, firmware: Firmware, card: Path, folder: Path) -> Iterator["Console"]:
    """The machine while it runs; its console is written to `folder`/console."""
    line = [
        "qemu-system-aarch64", "-M", "raspi3b", "-smp", "4", "-m", "1G", "-display", "none", "-monitor", "none",
        "-serial", "null", "-serial", "stdio", "-drive", f"file={card},if=sd,format=raw", *firmware.load(folder),
    ]  # fmt: skip
    with (folder / "console").open("wb") as console:
        command = toolbox.command(line, writable=[card.parent, folder])
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        try:
            yield Console(folder / "console", process)
        finally:
            process.kill()
            process.wait()


class Console:
    """What the machine says on its serial port."""

    def __init__(self, file: Path, process: "subprocess.Popen[bytes]") -> None:
        self._file = file
        self._process = process

    def wait_for(self, pattern: str, within_s: float) -> str:
        """The first text that fits; AssertionError at a panic, when the machine ends, or when it takes too long."""
        until_s = time.monotonic() + within_s
        while True:
            text = self._file.read_text(encoding="utf-8", errors="replace")
            if found := re.search(pattern, text):
                return found[0]
            tail = text[-2000:]
            assert "Kernel panic" not in text, tail
            assert self._process.poll() is None, f"the machine ended: {tail}"
            assert time.monotonic() < until_s, f"not within {within_s} s: {pattern}; the console ends: {tail}"
            time.sleep(0.5)
