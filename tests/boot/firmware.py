"""A stand-in for the Raspberry Pi's firmware: it reads `autoboot.txt`, takes kernel, initramfs and command line from the boot
partition that it names, writes that partition's number into the device tree, and starts the kernel.

`reboot "0 tryboot"` makes it read the section [tryboot], once. That is what the firmware's manual says; the stand-in proves
our logic, not the firmware. Its watchdog (`kernel_watchdog_timeout` in `config.txt`) bites a kernel that says nothing on its
console for so long; a Pi's does if systemd has not taken it over by then, which is the stricter of the two.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from safecount_image.card import MIB, layout
from safecount_image.sizes import Sizes
from safecount_image.toolbox import Toolbox

MACHINE = ("-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512", "-nodefaults", "-display", "none")
MEMORY_START, MEMORY_BYTES = 1 << 30, 512 << 20
"""Where that machine has its memory (hw/arm/virt.c), and how much: as a Zero 2 W."""
KERNEL, INITRAMFS = "kernel8.img", "initramfs8"


@dataclass(frozen=True, slots=True)
class Start:
    """What the firmware has chosen: the partition's number (2 is slot A, 3 is slot B), and the files to start.

    `watchdog_s`: how long the kernel may be silent; 0 for ever.
    """

    partition: int
    kernel: Path
    initramfs: Path
    device_tree: Path
    command_line: str
    watchdog_s: int


class Firmware:
    """Reads a card's file; keeps the files to start in `work`."""

    def __init__(self, toolbox: Toolbox, card: Path, sizes: Sizes, work: Path) -> None:
        self._toolbox = toolbox
        self._card = card
        self._work = work
        self._start_mib = {partition.number: partition.start_mib for partition in layout(sizes)}

    def choose(self, *, tryboot: bool) -> Start:
        """Do what the firmware does between power and the kernel."""
        partition = self.partition(tryboot=tryboot)
        files = {name: self._work / name for name in (KERNEL, INITRAMFS)}
        for name, file in files.items():
            file.write_bytes(self._read(partition, name))
        command_line = self._read(partition, "cmdline.txt").decode("ascii").strip()
        config = self._read(partition, "config.txt").decode("ascii")
        watchdog = re.search(r"^kernel_watchdog_timeout=(\d+)$", config, re.MULTILINE)
        return Start(
            partition,
            files[KERNEL],
            files[INITRAMFS],
            self._device_tree(partition),
            command_line,
            int(watchdog[1]) if watchdog else 0,
        )

    def partition(self, *, tryboot: bool) -> int:
        """The boot partition that is taken."""
        return int(autoboot(self._read(1, "autoboot.txt").decode("ascii"), tryboot=tryboot)["boot_partition"])

    def write_selector(self, name: str, content: bytes) -> None:
        """What an installer does with the card in a laptop: put a file on its first partition."""
        (self._work / name).write_bytes(content)
        self._toolbox.run("mcopy", "-o", "-i", self._where(1), self._work / name, f"::{name}", writable=[self._work])

    def _where(self, partition: int) -> str:
        return f"{self._card}@@{self._start_mib[partition] * MIB}"

    def _read(self, partition: int, name: str) -> bytes:
        out = self._work / "read"
        self._toolbox.run("mcopy", "-n", "-o", "-i", self._where(partition), f"::{name}", out, writable=[self._work])
        return out.read_bytes()

    def _device_tree(self, partition: int) -> Path:
        base, tree = self._work / "base.dtb", self._work / "board.dtb"
        if not base.exists():
            dump = (*MACHINE[:1], f"{MACHINE[1]},dumpdtb={base}", *MACHINE[2:])
            self._toolbox.run("qemu-system-aarch64", *dump, writable=[self._work])
        tree.write_bytes(base.read_bytes())
        words: tuple[str | Path, ...] = (
            "fdtput",
            "-p",
            "-t",
            "x",
            tree,
            "/chosen/bootloader",
            "partition",
            str(partition),
        )
        self._toolbox.run(*words, writable=[self._work])
        return tree


def autoboot(text: str, *, tryboot: bool) -> dict[str, str]:
    """The settings of `autoboot.txt` that hold now: those of [all], and over them those of [tryboot] on a trial."""
    sections: dict[str, dict[str, str]] = {"all": {}, "tryboot": {}}
    section = "all"
    for line in text.split():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and section in sections:
            key, _, value = line.partition("=")
            sections[section][key] = value
    return {**sections["all"], **(sections["tryboot"] if tryboot else {})}
