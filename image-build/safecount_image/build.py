"""The order of the build: packages, root, initramfs, boot partition, card, and what is handed out with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safecount import __version__
from safecount_image import provenance
from safecount_image.base_root import base_root
from safecount_image.board import REPOSITORY, Board
from safecount_image.boot import make_boot, make_selector
from safecount_image.card import make_card
from safecount_image.errors import BuildError
from safecount_image.filesystems import make_root
from safecount_image.handout import hand_out
from safecount_image.kernel import unpack
from safecount_image.model import Model, find_model
from safecount_image.packages import Package, archive_of, fill_pool, read_lock, unpack_all, write_lock
from safecount_image.root import compose
from safecount_image.sbom import make_sbom, model_component
from safecount_image.toolbox import Toolbox, cache_folder, make_toolbox
from safecount_image.wheels import locks


@dataclass(frozen=True, slots=True)
class Materials:
    """All that an image is made of, fetched and checked: tools, locked packages with their files, base root and detector."""

    toolbox: Toolbox
    packages: Sequence[Package]
    pool: Path
    base: Path
    model: Model


def build(board: Board, out: Path) -> None:
    """Build a board's image into a folder, which is replaced once all is made.

    Raises:
        BuildError: something is missing, or a step failed.
    """
    os.umask(0o022)
    epoch = source_date_epoch()
    materials = gather(board)
    out = out.resolve()
    building = out.with_name(f"{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="build-") as work:
        _make(board, materials, Path(work), building, epoch)
    with step("handing out"):
        card = materials.model.card
        went_in = provenance.materials(
            provenance.source_commit(), materials.packages, locks(board.wheels), (card.name, card.sha256)
        )
        hand_out(materials.toolbox, building, board.name, __version__, card.name, epoch, went_in)
    shutil.rmtree(out, ignore_errors=True)
    building.rename(out)
    for file in sorted(out.iterdir()):
        print(f"  {file.name:18} {file.stat().st_size / 1e6:6.1f} MB", file=sys.stderr)


def gather(board: Board) -> Materials:
    """Fetch, or find in the cache, what the image is made of. Raise BuildError where it cannot be had."""
    with step("tools"):
        toolbox = make_toolbox()
    with step("model"):
        model = find_model()
    with step("packages"):
        packages = read_lock(board.lock)
        pool = fill_pool(board, toolbox, packages)
    with step("base root"):
        base = base_root(toolbox, packages, pool)
    return Materials(toolbox, packages, pool, base, model)


def _make(board: Board, materials: Materials, work: Path, out: Path, epoch: int) -> None:
    toolbox, packages = materials.toolbox, materials.packages
    found = [p for kernel in board.kernels for p in packages if p.place == "kernel" and kernel.is_from(p.name)]
    kernels = [unpack(toolbox, package, materials.pool, work) for package in found]
    model = materials.model
    overlay = unpack_all(toolbox, packages, "overlay", materials.pool, work / "overlay")
    firmware = unpack_all(toolbox, packages, "firmware", materials.pool, work / "firmware")
    with step("root"):
        root = compose(toolbox, board, materials.base, overlay, kernels, model, work, epoch)
    with step("root file system"):
        verity = make_root(toolbox, root, out / "root.erofs", f"{board.name} root", epoch)
    with step("boot"):
        make_boot(toolbox, board, kernels, firmware, root, verity, work, out / "boot.img", epoch)
        make_selector(toolbox, board, firmware, work / "selector.img", epoch)
    with step("card"):
        contents = {"selector": work / "selector.img", "boot-a": out / "boot.img", "root-a": verity.image}
        make_card(toolbox, out / "card.img", board.sizes, contents)
    detector = model_component(model.card.name, model.card.sha256, model.card.licence)
    bill = make_sbom(board, __version__, verity.roothash, packages, root, detector)
    (out / "sbom.cdx.json").write_text(bill, encoding="utf-8")
    facts = {
        "board": board.name,
        "version": __version__,
        "model": model.card.name,
        "epoch": epoch,
        "roothash": verity.roothash,
        "hash_offset": verity.hash_offset,
        "kernel": [kernel.version for kernel in kernels],
        "root_bytes": verity.image.stat().st_size,
    }
    (out / "image.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def packages_now(board: Board) -> list[Package]:
    """The closed set of a board's packages as the archive has it now. Raise BuildError where that cannot be told."""
    archive = archive_of(board, make_toolbox())
    archive.update()
    return archive.resolve(board)


def lock(board: Board) -> None:
    """Write the board's lock anew from what the archive has now. Raise BuildError where that cannot be told."""
    before = {(p.name, p.version) for p in read_lock(board.lock)} if board.lock.exists() else set()
    packages = packages_now(board)
    write_lock(board.lock, packages)
    changed = [p for p in packages if (p.name, p.version) not in before]
    print(f"{board.lock.name}: {len(packages)} packages, {len(changed)} of them new or changed")


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
