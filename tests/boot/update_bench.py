"""An enrolled device on the bench that asks a published folder for releases, and what is seen of its updates from outside:
which slot the firmware starts, what is asked of the server, and what the health records tell the collector.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from boot.bench import IMAGE, Bench
from boot.bench_disk import bench_settings, cut_clip, dropped_in, make_bench_disk
from boot.board import Board, BootError
from boot.releases import RAUC_SETTINGS, WORDS, Builder, Images, Publisher
from boot.shop import open_shop
from safecount.wire.update_state import UpdateReason, UpdateState, reason_of
from safecount_image.board import read_board
from safecount_image.toolbox import make_toolbox
from safecount_ops.collector.database import Database
from safecount_ops.collector.tables import health

SLOTS = {2: "A", 3: "B"}
FIRST = "0.1.0"
UNITS = ("safecount-update", "rauc", "safecount-restart", "safecount-trial-limit")
STOPS = "/var/lib/safecount/stops"
COUNTING = "Frames are being counted"
FPS = 0.5
"""A frame in two seconds, for ever: an emulated processor has the rest for the update."""


CHECK_SPOOL = (
    "python3 -c \"import sqlite3; print(sqlite3.connect('file:/var/lib/safecount/spool/spool.db?mode=ro', uri=True)"
    ".execute('pragma integrity_check').fetchone()[0])\""
)
SHORT_LIMIT = dropped_in("safecount-trial-limit.timer", "[Timer]\nOnBootSec=\nOnBootSec=5min\n")
"""A word for the kernel's command line: the limit of a trial that hangs, 25 minutes as it ships."""


def end_at_once(package: Path) -> None:
    """A broken release: the process that brings records to the collector ends as it starts."""
    _add(package / "roles" / "uplink.py", "def run(settings_file):\n    raise RuntimeError('broken')")


def hang_in_the_check(package: Path) -> None:
    """A broken release: its check of a trial never comes back."""
    _add(package / "updating" / "health_check.py", "def _steady(sample):\n    import time\n    time.sleep(1e6)")


def _moment(told: str) -> float:
    """The seconds at the head of a line of the journal, among what a terminal echoes."""
    found = re.search(r"^\d+\.\d+(?= )", told, re.MULTILINE)
    if found is None:
        raise BootError(f"no moment in {told!r}")
    return float(found[0])


def _add(file: Path, text: str) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n\n{text}\n", encoding="utf-8")


@dataclass(frozen=True)
class Standing:
    """What the collector knows of the device: by its newest health record, signed by the device."""

    version: str
    slot: str
    state: UpdateState
    reason: UpdateReason | None

    def __str__(self) -> str:
        why = f" ({self.reason.name})" if self.reason else ""
        return f"{self.version} in slot {self.slot}: {self.state.name.lower().replace('_', ' ')}{why}"


@dataclass
class UpdateBench:
    """`say` hears what happens, as sentences."""

    bench: Bench
    builder: Builder
    publisher: Publisher
    say: Callable[[str], None] = lambda _: None
    _known: Standing | None = None
    _starts: int = 0
    _asked: int = 0
    _told: set[str] = field(default_factory=set)

    @property
    def board(self) -> Board:
        return self.bench.board

    @property
    def plain(self) -> str:
        """The slot that the firmware would start now, by the card."""
        return SLOTS[self.board.firmware.partition(tryboot=False)]

    def begin(self) -> None:
        """A new card, enrolled, counting."""
        self.bench.begin()
        self.until(lambda: self.standing() is not None, 300)

    def standing(self) -> Standing | None:
        database = Database(self.bench.shop.collector.folder / "collector.db")
        try:
            with database.reading() as connection:
                row = connection.execute(select(health)).one_or_none()
        finally:
            database.close()
        if row is None:
            return None
        return Standing(row.version, row.slot, UpdateState(row.update_state), reason_of(row.update_reason))

    def until(self, done: Callable[[], bool], within_s: float) -> float:
        """Let the board run until something is so; the seconds that it took. BootError if it was not so in time."""
        began_s = time.monotonic()
        while not done():
            if time.monotonic() - began_s > within_s:
                raise BootError(
                    f"not within {within_s:.0f} s; the collector knows {self.standing()}, the firmware started "
                    f"{self.board.starts}, the device says:\n{self.board.last_words()}\n{self.journal()}"
                )
            self.board.run_for(1.0)
            self._tell()
        return time.monotonic() - began_s

    def until_told(self, standing: Standing, within_s: float) -> float:
        """Wait for the health record that tells it."""
        return self.until(lambda: self.standing() == standing, within_s)

    def publish(self, version: str, images: Images) -> None:
        self.publisher.publish(self.publisher.bundle(version, images))

    def until_well(self, within_s: float) -> None:
        """Wait until the device counts, and see that nothing has failed and that its spool is whole."""
        self.board.until(
            "systemctl is-active safecount-vision safecount-seal safecount-uplink safecount-update", within_s
        )
        failed = self.board.ask("systemctl list-units --failed --no-legend --plain").strip()
        if failed or "ok" not in self.board.ask(CHECK_SPOOL):
            raise BootError(f"after the cut something has failed: {failed or 'the spool'}\n{self.journal()}")

    @property
    def slot(self) -> str:
        """The slot that runs, by the device's own word."""
        return self.board.ask("cat /run/safecount-boot/slot").strip()

    def note_stops(self) -> None:
        """Have the device keep, past the restart to come, when counting stops: its own journal is in memory."""
        self.board.ask(f"(journalctl -f -n 0 -o short-unix -u safecount-vision > {STOPS} 2>&1 &)")

    def blind_s(self) -> float:
        """From the stop of counting before the last restart to the first frame that was counted after it, in seconds."""
        begun = f"journalctl -b -q -o short-unix -u safecount-vision -g '{COUNTING}' | head -n 1"
        stopped, counted = self.board.ask(f"grep Stopping {STOPS} | tail -n 1"), self.board.ask(begun)
        return _moment(counted) - _moment(stopped)

    def journal(self) -> str:
        try:
            units = " ".join(f"-u {unit}" for unit in UNITS)
            return self.board.ask(f"journalctl -b {units} -n 60 -o short-monotonic --no-pager")
        except (BootError, KeyError, OSError):
            return "(it does not answer)"

    def _tell(self) -> None:
        for partition in self.board.starts[self._starts :]:
            self.say(f"The firmware starts slot {SLOTS[partition]}.")
        self._starts = len(self.board.starts)
        for path in self.publisher.server.asked[self._asked :]:
            name = path.partition(".")[2]
            if name.endswith((".blocks", ".raucb")) and name not in self._told:
                self.say(f"It asks for {name}.")
                self._told.add(name)
        self._asked = len(self.publisher.server.asked)
        if (now := self.standing()) != self._known and now is not None:
            self.say(f"The collector hears: {now}.")
            self._known = now


@contextmanager
def open_update_bench(work: Path) -> Iterator[UpdateBench]:
    """A board with a new card in it, that is off; `begin` enrols it.

    Raises:
        BootError: there is no image.
    """
    if not (IMAGE / "card.img").is_file():
        raise BootError("there is no image; `make image` builds it")
    toolbox = make_toolbox()
    publisher = Publisher(work / "publisher")
    (work / "builder").mkdir()
    builder = Builder(toolbox, IMAGE, work / "builder")
    with publisher.server, open_shop(work) as shop:
        settings = bench_settings(builder.model, FPS, looped=True) + publisher.settings().encode()
        files = {"safecount.toml": settings, **publisher.files(builder.read(RAUC_SETTINGS))}
        disk = make_bench_disk(toolbox, IMAGE, cut_clip(work / "clip.mkv", 50), files, work)
        with Board(toolbox, IMAGE, read_board("virt").sizes, work, [disk]) as board:
            yield UpdateBench(Bench(board, shop, 0, WORDS), builder, publisher)
