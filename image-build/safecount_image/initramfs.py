"""The initramfs: busybox, veritysetup with its libraries, the modules that the root's disk needs, and `init` that joins them.

Made here and not by initramfs-tools, so that it is the same bytes every time, holds nothing that depends on this machine,
and can do one thing only.
"""

import re
import shutil
from pathlib import Path

from safecount_image.board import FOLDER, Board
from safecount_image.errors import BuildError
from safecount_image.kernel import Kernel, had, load_order, module_bytes
from safecount_image.toolbox import Toolbox

_LOADER = "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"
_LIBRARIES = "usr/lib/aarch64-linux-gnu"
_PROGRAMS = ("veritysetup",)


def make_initramfs(toolbox: Toolbox, root: Path, kernel: Kernel, board: Board, work: Path) -> Path:
    """Make the archive for one kernel.

    Args:
        toolbox: the tool tree, whose busybox for arm64 is taken.
        root: the finished root, whose veritysetup is taken.
        kernel: whose modules are taken.
        board: names the modules that must be loaded to see the disk and to check and mount the root, and those that may be.
        work: a folder for what is made.

    Returns:
        the archive, compressed by zstd.
    """
    tree = work / f"initramfs-{kernel.version}"
    for folder in ("bin", "lib", "modules", "sbin"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(toolbox.tree / "usr/bin/busybox", tree / "bin/busybox")
    shutil.copy(FOLDER / "initramfs/init", tree / "init")
    (tree / "init").chmod(0o755)
    _programs(toolbox, root, tree)
    needed = load_order(kernel, board.initramfs_modules)
    wanted = [path for path in load_order(kernel, had(kernel, board.initramfs_wanted)) if path not in needed]
    for listed, paths in (("order", needed), ("wanted", wanted)):
        names = [path.rpartition("/")[2].removesuffix(".xz") for path in paths]
        for name, path in zip(names, paths, strict=True):
            (tree / "modules" / name).write_bytes(module_bytes(kernel.modules / path))
        (tree / "modules" / listed).write_text("".join(f"{name}\n" for name in names), encoding="ascii")
    return _pack(toolbox, tree, work / f"initramfs-{kernel.version}.cpio.zst")


def _programs(toolbox: Toolbox, root: Path, tree: Path) -> None:
    for program in _PROGRAMS:
        shutil.copy(root / "usr/sbin" / program, tree / "bin" / program)
        listed = toolbox.run(
            "qemu-aarch64", root / _LOADER, "--inhibit-cache", "--library-path", root / _LIBRARIES,
            "--list", root / "usr/sbin" / program, readable=[root],
        )  # fmt: skip
        for name, path in re.findall(r"^\s*(\S+) => (\S+) ", listed, re.MULTILINE):
            if not path.startswith(str(root)):
                raise BuildError(f"{program} needs the library {name}, which the root does not have.")
            shutil.copy(path, tree / "lib")
    shutil.copy(root / _LOADER, tree / "lib")
    # dm-verity's user side loads this by name: a thread that ends is unwound by it.
    shutil.copy(root / _LIBRARIES / "libgcc_s.so.1", tree / "lib")


def _pack(toolbox: Toolbox, tree: Path, archive: Path) -> Path:
    script = (
        'cd "$0" && find . -mindepth 1 -print0 | sort -z'
        " | cpio --null --create --format=newc --reproducible --owner=0:0 --renumber-inodes --ignore-devno --quiet"
        ' | zstd --quiet -19 -T1 --force -o "$1"'
    )
    toolbox.run("find", tree, "-exec", "touch", "--no-dereference", "--date=@0", "{}", "+", writable=[tree])
    toolbox.run("sh", "-euc", script, tree, archive, writable=[tree.parent])
    return archive
