"""Builds the same image a second time as somebody else, elsewhere and more than a year later, and compares every file.

The second builder is another user: root of a user namespace, whom the machine knows by a number that owns nothing. It has
another name, home, language, time zone, umask and folder, and installs its base root anew; only what was downloaded is
shared, as both would fetch the same by hash.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from safecount_image.base_root import arm64_programs
from safecount_image.board import REPOSITORY, Board
from safecount_image.build import build, source_date_epoch, step
from safecount_image.errors import BuildError
from safecount_image.packages import digest
from safecount_image.provenance import SOURCE_COMMIT, source_commit
from safecount_image.toolbox import FAKE_CLOCK, cache_folder, make_toolbox

LATER = "+400d"
SOMEBODY, NUMBERS = 100_000, 65_536
"""The machine's number of the second builder's root, and how many it has: those that Debian gives a first user."""


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
    source, cache = place / "source", place / "cache"
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (REPOSITORY / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name, follow_symlinks=False)
    (place / "home").mkdir()
    for at, _, files in os.walk(place):
        for name in ("", *files):
            os.chown(Path(at) / name, SOMEBODY, SOMEBODY, follow_symlinks=False)
    cache.mkdir()
    for shared in (*cache_folder().glob("tools-*"), cache_folder() / "pool", cache_folder() / "wheels"):
        subprocess.run(["cp", "--archive", "--link", shared, cache], check=True)
    for folder in (cache, cache / "pool", cache / "wheels"):
        os.chown(folder, SOMEBODY, SOMEBODY)
    # A first builder's home may be closed to others: what the second is to run and to read is mounted where it may go.
    lent = {"python": Path(sys.base_prefix), "packages": Path(sysconfig.get_path("purelib"))}
    if assets := os.environ.get("SAFECOUNT_ASSETS"):
        lent["assets"] = Path(assets).resolve()
    for name in lent:
        (place / name).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place / "home"),
        "USER": "somebody",
        "LOGNAME": "somebody",
        "TZ": "Pacific/Auckland",
        "LANG": "de_DE.UTF-8",
        "PYTHONPATH": os.pathsep.join(
            [*(str(source / name) for name in ("image-build", "firmware", "tools")), str(place / "packages")]
        ),
        "SAFECOUNT_IMAGE_CACHE": str(cache),
        "SAFECOUNT_ASSETS": str(place / "assets") if assets else "",
        "SOURCE_DATE_EPOCH": str(epoch),
        SOURCE_COMMIT: source_commit(),
        FAKE_CLOCK: LATER,
    }
    python = place / "python/bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    line: list[str | Path] = [python, "-m", "safecount_image", "build", board.name, "--out", place / "out"]
    with arm64_programs(make_toolbox()):  # only the machine's own root can teach its kernel
        if _run_as_somebody(line, {place / name: folder for name, folder in lent.items()}, source, environment):
            raise BuildError("The second build failed where the first did not; what it said is above.")


def _run_as_somebody(
    line: Sequence[str | Path], lent: Mapping[Path, Path], folder: Path, environment: Mapping[str, str]
) -> int:
    """Run a command as root of a new user namespace, with folders of ours mounted for it to read, and return how it ended."""
    mounts = " && ".join(f"mount --bind {shlex.quote(str(ours))} {shlex.quote(str(at))}" for at, ours in lent.items())
    become = 'echo; read -r _; exec setpriv --reuid=0 --regid=0 --clear-groups -- "$@"'
    enter = f'{mounts} && exec unshare --user --mount --keep-caps -- sh -c {shlex.quote(become)} sh "$@"'
    process = subprocess.Popen(
        ["unshare", "--mount", "--", "sh", "-c", enter, "sh", *line],
        cwd=folder, env=dict(environment), umask=0o027, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    if process.stdout and process.stdout.readline():  # it is in, and waits for its numbers
        for kind in ("uid", "gid"):
            Path(f"/proc/{process.pid}/{kind}_map").write_text(f"0 {SOMEBODY} {NUMBERS}")
    told, _ = process.communicate(b"\n")
    sys.stderr.buffer.write(told)
    return process.returncode
