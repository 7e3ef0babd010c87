"""The base root: mkosi installs the locked packages, and nothing else, into a folder. Cached by what it was made from."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safecount_image.board import FOLDER
from safecount_image.errors import BuildError
from safecount_image.packages import ARCHITECTURE, Package
from safecount_image.toolbox import SUITE, Toolbox, cache_folder

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
# The head of an arm64 ELF file and which of its bits count, as QEMU's own scripts register them.
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
_KEPT = 2


def base_root(toolbox: Toolbox, packages: Iterable[Package], pool: Path) -> Path:
    """The folder of the base root, from the cache where one was made from the same packages.

    Raises:
        BuildError: mkosi failed; the text ends with what it said last.
    """
    wanted = sorted(p for p in packages if p.place == "root")
    key = hashlib.sha256(repr((wanted, (FOLDER / "mkosi.conf").read_text())).encode()).hexdigest()[:16]
    finished = cache_folder() / "roots" / key
    if not finished.is_dir():
        print(f"Installing {len(wanted)} packages into the base root (some minutes) ...", file=sys.stderr, flush=True)
        finished.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="mkosi-") as work, arm64_programs(toolbox):
            _install(toolbox, wanted, pool, Path(work))
            (Path(work) / "out/root").rename(finished)
        _forget_old(finished)
    os.utime(finished)
    return finished


def _install(toolbox: Toolbox, packages: list[Package], pool: Path, work: Path) -> None:
    repository = work / "repository"
    index(toolbox, packages, pool, repository)
    configuration = work / "configuration"
    configuration.mkdir()
    shutil.copy(FOLDER / "mkosi.conf", configuration)
    for folder in ("out", "workspace", "cache"):
        (work / folder).mkdir()
    names = sorted(package.name for package in packages)
    toolbox.run(
        "mkosi", "--directory", configuration, f"--local-mirror=file://{repository}", f"--output-directory={work}/out",
        f"--workspace-directory={work}/workspace", f"--package-cache-dir={work}/cache",
        *(f"--package={name}" for name in names), "build",
        writable=[work],
        environment={"SOURCE_DATE_EPOCH": "0"},
    )  # fmt: skip


def index(toolbox: Toolbox, packages: Iterable[Package], pool: Path, repository: Path) -> None:
    """Lay out a Debian archive of just these packages. Hard links: others would not survive the sandbox."""
    folder = repository / f"dists/{SUITE}/main/binary-{ARCHITECTURE}"
    folder.mkdir(parents=True)
    debs = repository / "pool"
    debs.mkdir()
    stanzas = []
    for package in packages:
        file = debs / f"{package.name}_{package.version.replace(':', '%3a')}_{package.architecture}.deb"
        _link(pool / f"{package.sha256}.deb", file)
    listed = toolbox.run(
        "sh", "-c", 'for f in "$0"/*.deb; do echo "@ $f"; dpkg-deb -f "$f"; done', debs, readable=[repository]
    )
    by_file = {file.name: file for file in debs.iterdir()}
    for block in listed.split("@ ")[1:]:
        path, _, control = block.partition("\n")
        file = by_file[Path(path).name]
        hashed = hashlib.sha256(file.read_bytes()).hexdigest()
        stanzas.append(
            f"{control.strip()}\nFilename: pool/{file.name}\nSize: {file.stat().st_size}\nSHA256: {hashed}\n"
        )
    text = "\n".join(stanzas).encode()
    (folder / "Packages").write_bytes(text)
    entry = f"{hashlib.sha256(text).hexdigest()} {len(text)} main/binary-{ARCHITECTURE}/Packages"
    release = f"Suite: {SUITE}\nCodename: {SUITE}\nArchitectures: {ARCHITECTURE}\nComponents: main\nSHA256:\n {entry}\n"
    (repository / f"dists/{SUITE}/Release").write_text(release)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def arm64_programs(toolbox: Toolbox) -> Iterator[None]:
    """Let the kernel run arm64 programs by the tool tree's QEMU while packages run their scripts, unless it can already."""
    if not (_BINFMT / "register").exists():
        mounted = subprocess.run(
            ["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], check=False, capture_output=True
        )
        if mounted.returncode:
            raise BuildError(
                "This machine's kernel cannot run arm64 programs (no binfmt_misc); build as root, or install qemu-user-static."
            )
    if any(_runs_arm64(entry) for entry in _BINFMT.iterdir() if entry.name not in ("register", "status")):
        yield
        return
    name = f"safecount-arm64-{os.getpid()}"
    (_BINFMT / "register").write_text(f":{name}:M::{_MAGIC}:{_MASK}:{toolbox.tree}/usr/bin/qemu-aarch64:POCF")
    try:
        yield
    finally:
        (_BINFMT / name).write_text("-1")


def _runs_arm64(entry: Path) -> bool:
    text = entry.read_text()
    return (
        text.startswith("enabled")
        and "F" in (re.search(r"^flags: (\S*)", text, re.MULTILINE) or [""])[0]
        and "b700" in text
    )


def _forget_old(newest: Path) -> None:
    """Keep the roots used last: each has half a gigabyte."""
    roots = sorted(newest.parent.iterdir(), key=lambda root: root.stat().st_mtime, reverse=True)
    for root in roots[_KEPT:]:
        if root != newest:
            shutil.rmtree(root)
