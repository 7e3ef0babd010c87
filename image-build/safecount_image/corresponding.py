"""The sources of every Debian package of a lock, as the archive has them: what who hands out an image offers with it.

Of a package it is the source that the package names, and what it was built with for good ("Built-Using"), as the signed
kernel names the kernel. apt checks each file by the archive's signature.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from safecount_image.board import Board
from safecount_image.errors import BuildError
from safecount_image.mirror import find_mirror
from safecount_image.packages import Archive, Package, digest, read_lock
from safecount_image.toolbox import Toolbox, cache_folder

_NAMED = re.compile(r"^(\S+)(?: \((\S+)\))?$")
_BUILT_USING = re.compile(r"(\S+) \(= (\S+)\)")
Index = Mapping[tuple[str, str], Mapping[str, str]]


def sources_of(packages: Iterable[Package], index: Index) -> list[tuple[str, str]]:
    """Name and version of the sources, sorted.

    Raises:
        BuildError: the archive does not have a package of the lock any more.
    """
    found = set()
    for package in packages:
        told = index.get((package.name, package.version))
        if told is None:
            raise BuildError(f"The archive no longer has {package.name} {package.version}; renew with make lock-image.")
        named = _NAMED.match(told.get("Source", package.name))
        if named is None:
            raise BuildError(f"The archive tells no source of {package.name}: {told['Source']!r}.")
        found.add((named[1], named[2] or package.version))
        for field in ("Built-Using", "Static-Built-Using"):
            found |= set(_BUILT_USING.findall(told.get(field, "")))
    return sorted(found)


def fetch_sources(
    board: Board, toolbox: Toolbox, out: Path, only: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """Put the sources of a board's packages (or of those sources named `only`) and their SHA256SUMS into a folder.

    Raises:
        BuildError: one is not to be had, or the board's maker has an archive of its own.
    """
    if board.vendor:
        raise BuildError(f"{board.name} has packages of {board.vendor.label}: its sources come from there, by hand.")
    archive = Archive(toolbox, find_mirror(), cache_folder() / f"apt-src-{board.name}", with_sources=True)
    archive.update()
    wanted = [one for one in sources_of(read_lock(board.lock), archive.index()) if not only or one[0] in only]
    if unknown := only - {name for name, _ in wanted}:
        raise BuildError(f"No package of {board.name} has the source {', '.join(sorted(unknown))}.")
    out.mkdir(parents=True, exist_ok=True)
    archive.fetch_sources(wanted, out)
    files = sorted(file for file in out.iterdir() if file.name != "SHA256SUMS")
    lacking = [f"{name} {version}" for name, version in wanted if not (out / _description(name, version)).exists()]
    if lacking:
        raise BuildError(f"The archive gave no source of {', '.join(lacking)}.")
    (out / "SHA256SUMS").write_text("".join(f"{digest(file)}  {file.name}\n" for file in files), encoding="utf-8")
    return wanted


def _description(name: str, version: str) -> str:
    return f"{name}_{version.partition(':')[2] or version}.dsc"
