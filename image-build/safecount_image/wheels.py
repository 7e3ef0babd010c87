"""What the device runs of Python: our own wheel, and the locked wheels for its processor, put where Debian's Python looks.

Its rule: no wheel is built here from somebody's source, and none is taken that the lock does not name by its hash.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from safecount_image.board import FOLDER, REPOSITORY
from safecount_image.errors import BuildError
from safecount_image.toolbox import cache_folder

LOCK = FOLDER / "locks/wheels.txt"
"""What every device runs. A board may name more locks, by their file's stem."""
PYTHON = "3.13"
"""The Python of the image's Debian release."""
SITE = Path(f"usr/local/lib/python{PYTHON}/dist-packages")
# pip takes only the tags that it is told; these are what a wheel for glibc 2.41, Debian 13's, may carry.
_TAGS = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 42)))
_FOR_DEVICE = (
    *(f"--platform={tag}_aarch64" for tag in _TAGS),
    f"--python-version={PYTHON}",
    "--implementation=cp",
    "--only-binary=:all:",
    "--no-deps",
)


def locks(more: Iterable[str]) -> list[Path]:
    """The lock of every device, and those that a board names."""
    return [LOCK, *(LOCK.with_stem(stem) for stem in more)]


def fetch_wheels(more: Iterable[str]) -> Path:
    """Have the wheels of the locks in the cache; the folder that they are in. Raise BuildError where one is not to be had."""
    wheels = cache_folder() / "wheels"
    wheels.mkdir(exist_ok=True)
    _pip("download", *_wanted(more, wheels), f"--dest={wheels}", *_FOR_DEVICE)
    return wheels


def _wanted(more: Iterable[str], wheels: Path) -> list[str]:
    return ["--require-hashes", *(f"--requirement={lock}" for lock in locks(more)), f"--find-links={wheels}"]


def install_wheels(root: Path, more: Iterable[str], work: Path, epoch: int) -> None:
    """Put the wheels into a root.

    Args:
        root: the root's folder.
        more: stems of locks besides that of every device.
        work: a folder for what is needed on the way.
        epoch: SOURCE_DATE_EPOCH of the build.

    Raises:
        BuildError: a wheel is not to be had, or is not the one that the lock names.
    """
    more = tuple(more)
    wheels = fetch_wheels(more)
    ours = build_wheel(work, epoch)
    staged = work / "site"
    # The download has checked each wheel's Python against the device's; pip's install would check it against this one.
    into = ("--no-index", "--no-compile", "--ignore-requires-python", f"--target={staged}", *_FOR_DEVICE)
    _pip("install", *_wanted(more, wheels), *into)
    _pip("install", *into, str(ours))
    shutil.rmtree(staged / "bin", ignore_errors=True)  # programs of the packages; ours is a launcher in config/
    for test_folder in [*staged.rglob("tests"), *staged.rglob("test")]:
        if test_folder.is_dir():
            shutil.rmtree(test_folder)
    for record in staged.glob("*.dist-info/RECORD"):
        record.unlink()  # no longer true, and nothing reads it on a root that is never written
    for told in [*staged.glob("*.dist-info/direct_url.json"), *staged.glob("*.dist-info/REQUESTED")]:
        told.unlink()  # names this build's folders
    shutil.copytree(staged, root / SITE, dirs_exist_ok=True)


def build_wheel(work: Path, epoch: int) -> Path:
    """Our own wheel, built from a copy of its sources so that nothing is left in the repository."""
    return _build(work, work / "wheel", epoch, "pyproject.toml", "firmware/safecount")


def build_both(out: Path, epoch: int) -> list[Path]:
    """The device's wheel and the operator's, into a folder: the same bytes whoever builds them, where and when."""
    with tempfile.TemporaryDirectory(prefix="wheels-") as work:
        device = _build(Path(work) / "device", out, epoch, "pyproject.toml", "firmware/safecount")
        return [device, _build(Path(work) / "operator", out, epoch, "tools/pyproject.toml", "tools/safecount_ops")]


def _build(work: Path, out: Path, epoch: int, project: str, package: str) -> Path:
    """The wheel of a project. A wheel keeps the modes of its files: the copy has those of git, whatever the umask is."""
    source = work / "wheel-source"
    source.mkdir(parents=True)
    inside = source / package if project == "pyproject.toml" else source / Path(package).name
    shutil.copytree(
        REPOSITORY / package,
        inside,
        ignore=shutil.ignore_patterns("__pycache__"),
        copy_function=shutil.copyfile,
    )
    for name in (project, "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, source / Path(name).name)
    for path in source.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = set(out.glob("*.whl"))
    built = ("--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={out}", str(source))
    _pip("wheel", *built, epoch=epoch)
    return next(iter(set(out.glob("*.whl")) - before))


def locked(more: Iterable[str] = ()) -> dict[str, str]:
    """Name and version of every wheel of the locks."""
    return dict(pinned("".join(lock.read_text(encoding="utf-8") for lock in locks(more))))


def pinned(text: str) -> list[tuple[str, str]]:
    """Name and version of every wheel that a requirements file pins; a name may be there twice, for two Pythons."""
    return list(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", text, re.MULTILINE))


def _pip(*arguments: str, epoch: int = 0) -> None:
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    environment = os.environ | ({"SOURCE_DATE_EPOCH": str(epoch)} if epoch else {})
    done = subprocess.run(line, check=False, capture_output=True, text=True, env=environment, umask=0o022)
    if done.returncode:
        raise BuildError(
            f"The wheels of the device cannot be had or do not fit (pip {arguments[0]}):\n{done.stderr.strip()[-2000:]}"
        )
