"""Builds the same image a second time as somebody else, elsewhere and more than a year later, and compares every file.

The second builder has another name, home, language, time zone, umask and folder, and installs its base root anew; only what was
downloaded is shared, as both would fetch the same by hash.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from safecount_image.board import REPOSITORY, Board
from safecount_image.build import build, source_date_epoch, step
from safecount_image.errors import BuildError
from safecount_image.packages import digest
from safecount_image.provenance import SOURCE_COMMIT, source_commit
from safecount_image.toolbox import FAKE_CLOCK, cache_folder

LATER = "+400d"


def reproduce(board: Board, out: Path) -> list[str]:
    """Build twice.

    Returns:
        the names of the files that differ, or are in one build only.

    Raises:
        BuildError: one of the builds failed.
    """
    epoch = source_date_epoch()
    build(board, out)
    with tempfile.TemporaryDirectory(prefix="another-builder-", dir="/var/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with step("second build"):
            _build_elsewhere(board, place, epoch)
        kept = out.with_name(f"{out.name}.second")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(place / "out", kept)
    differing = compare(out, kept)
    if not differing:
        shutil.rmtree(kept)
    return differing


def compare(first: Path, second: Path) -> list[str]:
    """The names of the files of two folders that differ, or are in one only."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    return sorted(name for name in names if _hash(first / name) != _hash(second / name))


def _hash(path: Path) -> str:
    return digest(path) if path.exists() else ""


def diffoscope(first: Path, second: Path, report: Path) -> None:
    """Write what differs between two files, as far as diffoscope can tell, to a text file. Raise BuildError without it."""
    program = shutil.which("diffoscope") or shutil.which("diffoscope", path=str(Path(sys.executable).parent))
    if not program:
        raise BuildError(
            "The builds differ, and diffoscope is not here to tell where: pip install diffoscope, then again."
        )
    subprocess.run(
        [program, "--text", report, "--max-report-size=1000000", first, second], check=False, capture_output=True
    )


def _build_elsewhere(board: Board, place: Path, epoch: int) -> None:
    source = place / "source"
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (REPOSITORY / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name, follow_symlinks=False)
    cache = place / "cache"
    cache.mkdir()
    for shared in (*cache_folder().glob("tools-*"), cache_folder() / "pool", cache_folder() / "wheels"):
        subprocess.run(["cp", "--archive", "--link", shared, cache], check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place / "home"),
        "USER": "somebody",
        "LOGNAME": "somebody",
        "TZ": "Pacific/Auckland",
        "LANG": "de_DE.UTF-8",
        "PYTHONPATH": os.pathsep.join(str(source / name) for name in ("image-build", "firmware", "tools")),
        "SAFECOUNT_IMAGE_CACHE": str(cache),
        "SAFECOUNT_ASSETS": os.environ.get("SAFECOUNT_ASSETS", ""),
        "SOURCE_DATE_EPOCH": str(epoch),
        SOURCE_COMMIT: source_commit(),
        FAKE_CLOCK: LATER,
    }
    line = [sys.executable, "-m", "safecount_image", "build", board.name, "--out", str(place / "out")]
    done = subprocess.run(line, check=False, cwd=source, env=environment, umask=0o027, stdout=sys.stderr)
    if done.returncode:
        raise BuildError("The second build failed where the first did not; what it said is above.")
