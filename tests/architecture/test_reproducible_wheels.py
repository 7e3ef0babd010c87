"""Both wheels come out the same, byte for byte, for two builders in other places, on other days, with another umask."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from safecount_ops.proof.secret_scan import tracked

ROOT = Path(__file__).parents[2]
NEEDED = {"firmware", "tools", "image-build", "pyproject.toml", "README.md", "LICENSE"}
DAY_S = 86_400


def built(place: Path, umask: int, days_ago: int, **environment: str) -> dict[str, str]:
    """The SHA-256 of each wheel and bill that `make wheels` builds in `place`, from sources of that age and mode."""
    for file in tracked(ROOT):
        copy = place / file.relative_to(ROOT)
        if file.is_file() and file.relative_to(ROOT).parts[0] in NEEDED:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(0o666 & ~umask)
            at = file.stat().st_mtime - days_ago * DAY_S
            os.utime(copy, (at, at))
    paths = os.pathsep.join(str(place / name) for name in ("image-build", "firmware", "tools"))
    whole = os.environ | {"PYTHONPATH": paths, "SOURCE_DATE_EPOCH": "1700000000"} | environment
    line = [sys.executable, "-m", "safecount_image", "wheels", "--out", str(place / "out")]
    done = subprocess.run(line, check=False, capture_output=True, text=True, umask=umask, env=whole, cwd=place)
    assert done.returncode == 0, done.stderr
    return {wheel.name: sha256(wheel.read_bytes()).hexdigest() for wheel in (place / "out").iterdir()}


def test_two_builders_make_the_same_wheels(tmp_path: Path) -> None:
    first = built(tmp_path / "here", 0o022, 0, TZ="UTC", LANG="C.UTF-8", PYTHONHASHSEED="1")
    second = built(tmp_path / "where else", 0o077, 500, TZ="Pacific/Auckland", LANG="de_DE.UTF-8", PYTHONHASHSEED="2")
    kinds = [(name.split("-")[0], name.rpartition(".")[2]) for name in first]
    assert sorted(kinds) == [(name, kind) for name in ("safecount", "safecount_ops") for kind in ("json", "whl")]
    assert first == second
