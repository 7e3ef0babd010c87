"""Days of a door: scripted visitors through the real aggregator, so that tables and reports have true records to show,
and the truth to hold them against.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from safecount.counting.aggregator import Aggregator, Level, Moment, ReleaseSettings
from safecount.counting.values import Crossing
from safecount.wire.values import Accelerator, BinOpened, ClockQuality, CountRecord, LedgerRow, Profile

FRAME_S = 300
ZONE = ZoneInfo("Europe/Berlin")


@dataclass
class DoorHistory:
    """A device over days. Keeps its ledger across power cuts, as the seal process does."""

    doors: tuple[str, ...] = ("north", "south")
    site: str = "station"
    level: Level = field(default_factory=lambda: Level(Profile.STANDARD))
    seed: str = "doors"
    start: datetime = datetime(2026, 6, 8, tzinfo=ZONE)
    records: list[CountRecord] = field(default_factory=list)
    truth: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.now_s = int(self.start.timestamp())
        self.ledger: dict[tuple[str, int, int], LedgerRow] = {}
        self.boot()

    def boot(self) -> None:
        """Start anew, with the ledger and nothing else."""
        settings = ReleaseSettings(self.site, self.doors, ZONE, self.level, "line-1", self.random.randbytes(16))
        self.monotonic_s = 0
        self.aggregator = Aggregator(settings, self.random.randrange, list(self.ledger.values()))

    def off(self, hours: float) -> None:
        """A power cut: what is open is lost."""
        self.now_s += int(hours * 3600)
        self.boot()

    def stop_in_order(self) -> None:
        """An orderly restart: open bins close early."""
        self._take(self.aggregator.close(self._moment()))
        self.boot()

    def run(self, hours: float, rate: Callable[[datetime, str], float]) -> None:
        """Live for some hours with `rate` visitors an hour."""
        for _ in range(int(hours * 3600 / FRAME_S)):
            local = datetime.fromtimestamp(self.now_s, ZONE)
            came = [door for door in self.doors for _ in range(self._drawn(rate(local, door)))]
            crossings = [Crossing("line", door, "in", 0.0, 1.0, 1.0) for door in came]
            self.truth.update((door, local.date().isoformat()) for door in came)
            for _second in range(0, FRAME_S, 5):  # frames may be five seconds apart at most
                self._take(self.aggregator.observe(self._moment(), crossings, Accelerator.CPU))
                crossings = []
                self.now_s += 5
                self.monotonic_s += 5

    def _drawn(self, hourly: float) -> int:
        return sum(self.random.random() < hourly * FRAME_S / 3600 / 8 for _ in range(8))

    def _moment(self) -> Moment:
        return Moment(self.now_s, self.monotonic_s, ClockQuality.SYNCED)

    def _take(self, messages: list[BinOpened | CountRecord]) -> None:
        for message in messages:
            end_s = message.end_s if isinstance(message, BinOpened) else message.start_s + message.length_s
            opened = isinstance(message, BinOpened)
            place = (message.door, int(message.node), message.start_s)
            self.ledger[place] = LedgerRow(message.door, message.node, message.start_s, end_s, opened)
            if isinstance(message, CountRecord):
                self.records.append(message)


def shop_hours(local: datetime, door: str) -> float:
    """Busy at noon and in the evening, shut at night and on Sundays; the south door has half."""
    if local.weekday() == 6 or not 8 <= local.hour < 20:
        return 0.0
    base = {8: 20, 12: 60, 13: 55, 17: 70, 18: 60}.get(local.hour, 35)
    return base / (2 if door == "south" else 1)


def a_fortnight() -> DoorHistory:
    """Fourteen days with a power cut of five hours, a restart in order, and a night without current."""
    history = DoorHistory()
    history.run(24 * 3 + 11, shop_hours)
    history.off(5.4)
    history.run(24 * 2, shop_hours)
    history.stop_in_order()
    history.run(24 * 4 + 3, shop_hours)
    history.off(30)
    until = history.start + timedelta(days=14, minutes=10)
    history.run((until.timestamp() - history.now_s) / 3600, shop_hours)
    return history
