"""The build's command line; the Makefile calls it."""

import argparse
import sys
from pathlib import Path

from safecount.errors import SafecountError
from safecount_image.board import REPOSITORY, read_board
from safecount_image.build import build, lock
from safecount_image.errors import BuildError


def parser() -> argparse.ArgumentParser:
    """The arguments: what to do, and for which board."""
    top = argparse.ArgumentParser(prog="safecount_image", description="Builds the card's image.")
    commands = top.add_subparsers(dest="command", required=True)
    made = commands.add_parser("build", help="build the image of a board into build/image/BOARD")
    made.add_argument("board")
    made.add_argument("--out", type=Path)
    locked = commands.add_parser("lock", help="renew the list of a board's packages from what the archive has now")
    locked.add_argument("board")
    return top


def main() -> int:
    """Do it. Returns the exit code; an expected failure is one sentence on stderr."""
    chosen = parser().parse_args()
    try:
        board = read_board(chosen.board)
        if chosen.command == "lock":
            lock(board)
        else:
            build(board, chosen.out or REPOSITORY / "build/image" / board.name)
    except (BuildError, SafecountError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
