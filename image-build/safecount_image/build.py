"""The order of the build: packages, root, initramfs, boot partition, card, and what is handed out with it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safecount_image.base_root import base_root
from safecount_image.board import REPOSITORY, Board
from safecount_image.card import AUTOBOOT, DISK_SIGNATURE, SECTOR_BYTES, make_card
from safecount_image.errors import BuildError
from safecount_image.filesystems import Root, make_fat, make_root
from safecount_image.initramfs import make_initramfs
from safecount_image.kernel import unpack
from safecount_image.mirror import find_mirror
from safecount_image.packages import Archive, fill_pool, read_lock, write_lock
from safecount_image.root import compose
from safecount_image.toolbox import cache_folder, make_toolbox
from safecount_ops.assets import find_asset

MODEL = "yolox_nano_320_int8"
_PANIC_RESTART_S = 5


def build(board: Board, out: Path) -> None:
    """Build a board's image into a folder.

    Raises:
        BuildError: something is missing, or a step failed.
    """
    os.umask(0o022)
    epoch = source_date_epoch()
    out.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    with step("tools"):
        toolbox = make_toolbox()
    with step("packages"):
        packages = read_lock(board.lock)
        pool = fill_pool(Archive(toolbox, find_mirror(), cache_folder() / "apt"), packages)
    with step("base root"):
        base = base_root(toolbox, packages, pool)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="build-") as scratch:
        work = Path(scratch)
        kernels = {p.name: unpack(toolbox, p, pool, work) for p in packages if p.place == "kernel"}
        with step("root"):
            root = compose(toolbox, board, base, kernels.values(), find_asset(MODEL), work, epoch)
        with step("root file system"):
            verity = make_root(toolbox, root, out / "root.erofs", f"{board.name} root", epoch)
        with step("boot"):
            files = {}
            for kernel, name in zip(kernels.values(), board.kernels.values(), strict=True):
                files[name] = kernel.image
                suffix = name.removeprefix("kernel").removesuffix(".img")
                files[f"initramfs{suffix}"] = make_initramfs(toolbox, root, kernel, board.initramfs_modules, work)
            files |= _texts(board, verity, work)
            make_fat(toolbox, work / "boot.img", "SC-BOOT", board.sizes.boot, files, epoch)
            shutil.move(work / "boot.img", out / "boot.img")
            (work / "autoboot.txt").write_text(AUTOBOOT.ljust(SECTOR_BYTES, "\n"), encoding="ascii")
            make_fat(
                toolbox,
                work / "selector.img",
                "SC-SELECT",
                board.sizes.selector,
                {"autoboot.txt": work / "autoboot.txt"},
                epoch,
            )
        with step("card"):
            contents = {"selector": work / "selector.img", "boot-a": out / "boot.img", "root-a": verity.image}
            make_card(toolbox, work / "card.img", board.sizes, contents)
            shutil.move(work / "card.img", out / "card.img")


def lock(board: Board) -> None:
    """Write the board's lock anew from what the archive has now. Raise BuildError where that cannot be told."""
    archive = Archive(make_toolbox(), find_mirror(), cache_folder() / "apt")
    archive.update()
    before = {(p.name, p.version) for p in read_lock(board.lock)} if board.lock.exists() else set()
    packages = archive.resolve(board)
    write_lock(board.lock, packages)
    changed = [p for p in packages if (p.name, p.version) not in before]
    print(f"{board.lock.name}: {len(packages)} packages, {len(changed)} of them new or changed")


def _texts(board: Board, root: Root, work: Path) -> dict[str, Path]:
    """What the firmware reads, and the kernel's command line: the same in both slots, as the firmware tells which it is."""
    command_line = (
        f"console={board.console},115200 panic={_PANIC_RESTART_S} ro systemd.volatile=state systemd.condition-needs-update=no "
        f"safecount.disk={DISK_SIGNATURE} safecount.roothash={root.roothash} safecount.hashoffset={root.hash_offset}"
    )
    kernel = next(iter(board.kernels.values()))
    initramfs = "initramfs" + kernel.removeprefix("kernel").removesuffix(".img")
    config = f"arm_64bit=1\nkernel={kernel}\ninitramfs {initramfs} followkernel\ncmdline=cmdline.txt\n"
    made = {}
    for name, text in (("cmdline.txt", command_line + "\n"), ("config.txt", config)):
        made[name] = work / name
        made[name].write_text(text, encoding="ascii")
    return made


def source_date_epoch() -> int:
    """The time that everything in the image carries: SOURCE_DATE_EPOCH, or that of the commit it is built from.

    Raises:
        BuildError: neither is there to be had.
    """
    if chosen := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(chosen)
    line = ["git", "-c", f"safe.directory={REPOSITORY}", "-C", str(REPOSITORY), "log", "-1", "--format=%ct"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(
            "The image carries the time of its commit, and this is no git repository; set SOURCE_DATE_EPOCH."
        )
    return int(done.stdout)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    began = time.monotonic()
    yield
    print(f"  {name:18} {time.monotonic() - began:6.1f} s", file=sys.stderr, flush=True)
