"""The freshness gate: every Debian package of a board's lock against what its suite has now, every wheel against what its
registry would give now. Reading and comparing only; `make lock UPGRADE=1` and `make lock-image` renew.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safecount_image.board import REPOSITORY, Board
from safecount_image.errors import BuildError
from safecount_image.packages import Package, read_lock

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)
DESK_INPUTS = ("tools/locks/run.in", "tools/locks/dev.in")
DESK_LOCK = "tools/locks/dev.txt"


@dataclass(frozen=True, slots=True, order=True)
class Stale:
    """One that is not what it would be now. `locked` "" where it would be new, `now` "" where it would be needed no more."""

    name: str
    locked: str
    now: str

    def __str__(self) -> str:
        return f"{self.name}: locked {self.locked or 'not at all'}, now {self.now or 'not needed'}"


def stale_packages(locked: Iterable[Package], now: Iterable[Package]) -> list[Stale]:
    """What would change if the lock were renewed; a package's file counts, not its number alone."""
    before = {(p.place, p.name): p for p in locked}
    after = {(p.place, p.name): p for p in now}
    found = []
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None or new is None or old.sha256 != new.sha256:
            found.append(Stale(key[1], old.version if old else "", new.version if new else ""))
    return sorted(found)


def stale_wheels(locked: str, now: str) -> list[Stale]:
    """The same of two requirement files. A name may be pinned several times, for several Pythons."""
    before, after = _pins(locked), _pins(now)
    return sorted(
        Stale(name, before.get(name, ""), after.get(name, ""))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    )


def _pins(text: str) -> Mapping[str, str]:
    pins: dict[str, set[str]] = {}
    for name, version in PINNED.findall(text):
        pins.setdefault(name.lower(), set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in pins.items()}


def wheels_now() -> str:
    """The desk's lock as it would be made now, nothing kept.

    Raises:
        BuildError: the registry cannot be asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "now.txt"
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal", "--upgrade"]
        uv += [
            "--python-version",
            "3.11",
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
            "--no-emit-find-links",
        ]
        uv += ["--no-emit-package", "safecount", "--no-emit-package", "safecount-ops", "--output-file", str(out)]
        done = subprocess.run([*uv, *DESK_INPUTS], check=False, capture_output=True, text=True, cwd=REPOSITORY)
        if done.returncode:
            raise BuildError(f"What the registry has now cannot be told: {done.stderr.strip()[-500:]}")
        return out.read_text(encoding="utf-8")


def stale(board: Board, packages_now: Iterable[Package]) -> list[Stale]:
    """All of a board and of the desk."""
    desk = (REPOSITORY / DESK_LOCK).read_text(encoding="utf-8")
    return [*stale_packages(read_lock(board.lock), packages_now), *stale_wheels(desk, wheels_now())]
