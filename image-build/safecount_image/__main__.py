"""The build's command line; the Makefile calls it."""

import argparse
import sys
from pathlib import Path

from safecount.errors import SafecountError
from safecount_image.board import REPOSITORY, read_board
from safecount_image.build import build, lock, packages_now, source_date_epoch
from safecount_image.corresponding import fetch_sources
from safecount_image.errors import BuildError
from safecount_image.freshness import Stale, stale
from safecount_image.packages import digest
from safecount_image.reproduce import diffoscope, reproduce
from safecount_image.sbom import make_wheel_sbom
from safecount_image.toolbox import make_toolbox
from safecount_image.wheels import build_both, locked, pinned


def parser() -> argparse.ArgumentParser:
    """The arguments: what to do, and for which board."""
    top = argparse.ArgumentParser(prog="safecount_image", description="Builds the card's image.")
    commands = top.add_subparsers(dest="command", required=True)
    made = commands.add_parser("build", help="build the image of a board into build/image/BOARD")
    made.add_argument("board")
    made.add_argument("--out", type=Path)
    again = commands.add_parser(
        "reproduce", help="build a board's image twice, as two builders on two days, and compare"
    )
    again.add_argument("board")
    locked = commands.add_parser("lock", help="renew the list of a board's packages from what the archive has now")
    locked.add_argument("board")
    fresh = commands.add_parser("fresh", help="fail for what is locked and is not what archive and registry have now")
    fresh.add_argument("board")
    sources = commands.add_parser(
        "sources", help="fetch the sources of a board's packages, to be offered with the image"
    )
    sources.add_argument("board")
    sources.add_argument("--only", nargs="*", default=[])
    wheels = commands.add_parser("wheels", help="build both wheels: the same bytes for everybody")
    wheels.add_argument("--out", type=Path, default=REPOSITORY / "dist")
    return top


def main() -> int:
    """Do it. Returns the exit code; an expected failure is one sentence on stderr."""
    chosen = parser().parse_args()
    try:
        if chosen.command == "wheels":
            _wheels(chosen.out)
            return 0
        board = read_board(chosen.board)
        out = REPOSITORY / "build/image" / board.name
        match chosen.command:
            case "lock":
                lock(board)
            case "build":
                build(board, chosen.out or out)
            case "reproduce":
                return _report(out, reproduce(board, out))
            case "sources":
                folder = REPOSITORY / "build/sources" / board.name
                found = fetch_sources(board, make_toolbox(), folder, frozenset(chosen.only))
                print(f"{len(found)} sources in {folder}")
            case "fresh":
                return _tell(stale(board, packages_now(board)))
    except (BuildError, SafecountError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def _wheels(out: Path) -> None:
    """Both wheels, and beside each the bill of it and of what it is locked to."""
    device, operator = build_both(out, source_date_epoch())
    desk = pinned((REPOSITORY / "tools/locks/run.txt").read_text(encoding="utf-8"))
    for wheel, wheels in ((device, locked().items()), (operator, desk)):
        name, version = wheel.name.split("-")[:2]
        bill = make_wheel_sbom(name.replace("_", "-"), version, digest(wheel), wheels)
        (out / f"{name}-{version}.cdx.json").write_text(bill, encoding="utf-8")
        print(f"{digest(wheel)}  {wheel.name}")


def _tell(found: list[Stale]) -> int:
    for one in found:
        print(one)
    print(
        f"image: {len(found)} of what is locked is not what would be locked now"
        if found
        else "All that is locked is what there is now."
    )
    return 1 if found else 0


def _report(out: Path, differing: list[str]) -> int:
    if not differing:
        print(
            f"Reproduced: both builds are the same in every byte of {', '.join(sorted(p.name for p in out.iterdir()))}."
        )
        return 0
    second = out.with_name(f"{out.name}.second")
    print(f"image: the builds differ in {', '.join(differing)}; the second lies in {second}.", file=sys.stderr)
    for name in differing:
        report = second / f"{name}.diff.txt"
        diffoscope(out / name, second / name, report)
        print(f"image: where {name} differs is told in {report}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
