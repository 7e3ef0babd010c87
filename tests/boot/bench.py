"""An enrolled device on the bench: the image that `make image` left, a second disk, and a shop on this machine."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from boot.bench_disk import MOUNTS, bench_settings, cut_clip, desk_count, make_bench_disk
from boot.board import Board, BootError
from boot.shop import LINES, Shop, open_shop
from safecount_image.board import read_board
from safecount_image.toolbox import make_toolbox

IMAGE = Path("build/image/virt").resolve()


SERVICES = ("vision", "seal", "uplink", "provision", "update")
"""Our processes on a device that is enrolled, each the unit `safecount-…`."""
NOISE = 23
"""Exact discrete Laplace at epsilon 0.6, as an hour of the profile `accurate` has: beyond it in one draw of a million."""
FIRST_HOUR = (datetime.now(UTC) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
"""Hour 0 of a new card's clock, not before this machine's: a device does not believe a clock that is behind its collector's.
Each start is set to a later hour, since one that was begun is never opened again.
"""


@dataclass
class Bench:
    """An emulated board with an enrolled card in it, the clip that it sees, and the shop that its records go to.

    `expected`: how many come in by the same clip, lines and model on this machine. `words` are more of the kernel's.
    """

    board: Board
    shop: Shop
    expected: int
    words: tuple[str, ...] = ()
    _hour_0: datetime = FIRST_HOUR
    _latest: datetime = FIRST_HOUR

    def hour_s(self, hour: int) -> int:
        return int((self._hour_0 + timedelta(hours=hour)).timestamp())

    def count_hours_anew(self) -> None:
        """Hour 0 is from now on the one after all that the board was started in: the next tests need not know of the last."""
        self._hour_0 = self._latest.replace(minute=0) + timedelta(hours=1)

    def power(self, hour: int, minute: int = 2) -> None:
        """Cut the power, and give it again with the clock at that hour."""
        clock = self._hour_0 + timedelta(hours=hour, minutes=minute)
        self._latest = max(self._latest, clock)
        self.board.cut()
        self.board.power((*MOUNTS, *self.words), clock)

    def begin(self) -> None:
        """Start a new card, and enrol it."""
        self.power(0)
        self.board.until("systemctl is-active safecount-provision", 400)
        self.shop.enrol(self.board, 300)

    def count_an_hour(self, hour: int) -> int:
        """Start, count the clip once, and wait until the hour has arrived; gives its noisy number."""
        self.power(hour)
        until_s = time.monotonic() + 1200
        while (row := self.shop.hours().get(self.hour_s(hour))) is None or row.noisy_entered is None:
            if time.monotonic() > until_s:
                raise BootError(f"no count came:\n{self.board.ask('journalctl -b -n 60 -o cat --no-pager')}")
            self.board.run_for(5)
        return row.noisy_entered


@contextmanager
def open_bench(work: Path) -> Iterator[Bench]:
    """A board with a new card in it, that is off; `begin` enrols it.

    Raises:
        BootError: there is no image.
    """
    if not (IMAGE / "card.img").is_file():
        raise BootError("there is no image; `make image` builds it")
    toolbox = make_toolbox()
    model = json.loads((IMAGE / "image.json").read_text())["model"]
    clip = cut_clip(work / "clip.mkv", 175, 2)
    inside = {path.name: path.read_bytes() for path in Path(__file__).with_name("inside").glob("*.py")}
    disk = make_bench_disk(toolbox, IMAGE, clip, inside | {"safecount.toml": bench_settings(model)}, work)
    with open_shop(work) as shop, Board(toolbox, IMAGE, read_board("virt").sizes, work, [disk]) as board:
        yield Bench(board, shop, desk_count(clip, model, LINES))
