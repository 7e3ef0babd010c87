"""What the firmware reads: the selector, and for each slot kernel, initramfs, `config.txt` and the kernel's command line.

One boot partition fits both slots: which of them it is, the firmware tells the kernel.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from safecount_image.board import Board
from safecount_image.card import AUTOBOOT, DISK_SIGNATURE, SECTOR_BYTES
from safecount_image.errors import BuildError
from safecount_image.filesystems import Root, make_fat
from safecount_image.initramfs import make_initramfs
from safecount_image.kernel import Kernel
from safecount_image.toolbox import Toolbox

KERNEL_WATCHDOG_S = 60
"""So long a kernel and its initramfs may take until systemd feeds the watchdog; else the firmware's own restarts the board:
the way back from a kernel that hangs before it can panic (Raspberry Pi documentation, "kernel_watchdog_timeout").
"""
PANIC_RESTART_S = 5
"""A machine that panics starts again; on trial, that is the way back to the slot that was good."""


def make_boot(
    toolbox: Toolbox,
    board: Board,
    kernels: Sequence[Kernel],
    firmware: Path,
    root: Path,
    verity: Root,
    work: Path,
    out: Path,
    epoch: int,
) -> None:
    """Make the FAT of a slot.

    Args:
        toolbox: the tool tree.
        board: names the kernels' files.
        kernels: in the board's order; their device trees are taken.
        firmware: the unpacked firmware package.
        root: the finished root's folder; the initramfs takes programs of it.
        verity: the same root as a file.
        work: a folder for what is needed on the way.
        out: the file to make.
        epoch: the time of every file in it.
    """
    files = firmware_files(firmware, board.boot.files)
    for kernel, wanted in zip(kernels, board.kernels, strict=True):
        files[wanted.file] = kernel.image
        files[initramfs_name(wanted.file)] = make_initramfs(toolbox, root, kernel, board, work)
        files |= device_trees(kernel, board.boot.device_trees)
    for name, text in (("cmdline.txt", command_line(board, verity)), ("config.txt", firmware_config(board))):
        files[name] = work / name
        files[name].write_text(text, encoding="ascii")
    made = work / "boot.img"
    make_fat(toolbox, made, "SC-BOOT", board.sizes.boot, files, epoch)
    shutil.copyfile(made, out)


def make_selector(toolbox: Toolbox, board: Board, firmware: Path, out: Path, epoch: int) -> None:
    """Make the FAT with `autoboot.txt`, filled up to one sector, so that it is replaced whole or not at all."""
    text = out.with_name("autoboot.txt")
    text.write_text(AUTOBOOT.ljust(SECTOR_BYTES, "\n"), encoding="ascii")
    files = firmware_files(firmware, board.boot.selector_files) | {"autoboot.txt": text}
    make_fat(toolbox, out, "SC-SELECT", board.sizes.selector, files, epoch)


def firmware_files(firmware: Path, names: Sequence[str]) -> dict[str, Path]:
    """Files of the unpacked firmware package by name. Raise BuildError for one that it does not have just once."""
    found = {name: sorted(firmware.rglob(name)) for name in names}
    if wrong := [name for name, paths in found.items() if len(paths) != 1]:
        raise BuildError(f"The firmware's package has not one file each of {', '.join(wrong)}; mend boards.toml.")
    return {name: paths[0] for name, paths in found.items()}


def device_trees(kernel: Kernel, patterns: Sequence[str]) -> dict[str, Path]:
    """The device trees that the patterns name, by their path on the boot partition, and with them all overlays.

    Raises:
        BuildError: a pattern finds nothing: that board would not start.
    """
    files: dict[str, Path] = {}
    for pattern in patterns:
        found = sorted(kernel.device_trees.rglob(pattern)) if kernel.device_trees else []
        if not found:
            raise BuildError(f"The kernel {kernel.version} has no device tree '{pattern}'; mend boards.toml.")
        files |= {path.name: path for path in found}
    if patterns and kernel.device_trees:
        overlays = kernel.device_trees / "overlays"
        files |= {f"overlays/{path.name}": path for path in sorted(overlays.glob("*.dtb*"))}
    return files


def command_line(board: Board, verity: Root) -> str:
    """The kernel's command line: console, no writing but to memory, and the one root that may be started."""
    words = (
        f"console={board.console}",
        "quiet",  # a serial port takes seconds for what nobody reads; what goes wrong is still told
        f"panic={PANIC_RESTART_S}",
        "ro",
        "init_on_free=1",  # memory that held a picture is emptied the moment it is given back
        "systemd.volatile=state",
        "systemd.condition-needs-update=no",
        f"safecount.disk={DISK_SIGNATURE}",
        f"safecount.roothash={verity.roothash}",
        f"safecount.hashoffset={verity.hash_offset}",
    )
    return " ".join(words) + "\n"


def firmware_config(board: Board) -> str:
    """`config.txt`: which files the firmware loads. Conditional sections choose the kernel by the model of the Pi."""
    watchdog = f"kernel_watchdog_timeout={KERNEL_WATCHDOG_S}"
    lines = ["arm_64bit=1", "cmdline=cmdline.txt", watchdog, *board.boot.settings]
    for kernel in board.kernels:
        lines += [
            f"[{kernel.section}]",
            f"kernel={kernel.file}",
            f"initramfs {initramfs_name(kernel.file)} followkernel",
        ]
    return "\n".join(lines) + "\n"


def initramfs_name(kernel_file: str) -> str:
    """The initramfs's name beside its kernel's: kernel8.img and initramfs8."""
    return "initramfs" + kernel_file.removeprefix("kernel").removesuffix(".img")
