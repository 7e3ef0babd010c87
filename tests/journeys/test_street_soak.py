"""Eight days of a street at high speed, through everything from the tracker to the controller, with something broken all along.

Every day the power is cut, the camera hangs, the accelerator is lost, the clock is set back, the network fails in every
way and the collector is killed. What each part holds stays flat, and the counts are those of the street, give or take the
declared noise.
"""

import gc
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from safecount.counting.aggregator import Aggregator, Level, Moment, ReleaseSettings
from safecount.counting.pipeline import LineCrossings
from safecount.counting.values import LineSettings
from safecount.delivery.ports import Failure, FailureKind, Outcome
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.delivery.upload_policy import after_visit, at_start
from safecount.delivery.uploader import upload_once
from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.edges.spool_db import SpoolDb
from safecount.wire.keyset import Role
from safecount.wire.uplink import Answer
from safecount.wire.values import (
    Accelerator,
    BinOpened,
    ClockQuality,
    CountRecord,
    Node,
    Profile,
    State,
    node_epsilon,
)
from safecount_ops.controller.home import CollectorAddress
from simulators.controller import read_everything
from simulators.crowd import PICTURE, Crowd
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD
from simulators.running_collector import RunningCollector, running_collector

pytestmark = pytest.mark.soak

DAYS, FPS, HOUR_S = 8, 5, 3600
ZONE = ZoneInfo("Europe/Berlin")
START_S = int(datetime(2026, 6, 1, tzinfo=ZONE).timestamp())
PEOPLE_A_MINUTE = [0.2] * 6 + [1, 4, 8, 6, 4, 6, 9, 7, 5, 5, 7, 10, 8, 5, 3, 2, 1, 0.5]
"""By the hour of the day."""
CONTROLLER = reader("controller")
SEALER = Sealer("counter-7", signing_key("device"), keyset(CONTROLLER.recipient(Role.CONTROLLER)))
LEVEL = Level(Profile.STANDARD, exits=True)
WEATHERS = ["unreachable", "busy", "cut before storing", "cut after storing", "doubled", "half", "fair", "fair", "fair"]
MISCOUNTED = 0.03
"""Of all crossings: those that a cut forgets, and those that the tracker misses."""


@dataclass
class BadLine:
    """Implements `delivery.ports.Transport` over HTTPS to the real collector, and does to it what networks do."""

    settings: HttpsSettings
    chance: Random
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.transport = HttpsTransport(self.settings)

    def send(self, envelopes: Sequence[bytes]) -> Outcome:
        weather = self.chance.choice(WEATHERS)
        self.met[weather] += 1
        match weather:
            case "unreachable":
                return Failure(FailureKind.UNREACHABLE)
            case "busy":
                return Failure(FailureKind.BUSY, retry_after_s=120)
            case "cut before storing":
                return Failure(FailureKind.BROKEN_ANSWER)
            case "cut after storing":
                self.transport.send(envelopes)
                return Failure(FailureKind.BROKEN_ANSWER)
            case "doubled":
                self.transport.send(envelopes)
            case "half":
                answer = self.transport.send(envelopes)
                half = len(envelopes) // 2
                return replace(answer, receipts=answer.receipts[half:]) if isinstance(answer, Answer) else answer
        return self.transport.send(envelopes)

    def move(self, url: str) -> None:
        """The collector is at another port."""
        self.transport.close()
        self.settings = replace(self.settings, url=url)
        self.transport = HttpsTransport(self.settings)


@dataclass(frozen=True)
class Held:
    """What there is of each thing that could grow, at a midnight."""

    objects: int
    memory_kib: int
    files: int
    tracks: int
    sides: int
    waiting: int
    spool_bytes: int
    ledger_rows: int
    collector_kib: int
    collector_files: int


class Street:
    """One device at a door of a street, on a clock of its own, and what it should have counted."""

    def __init__(self, folder: Path, collector: RunningCollector, line: BadLine) -> None:
        self.chance = Random("street")
        self.spool_file, self.collector, self.line = folder / "spool.db", collector, line
        self.crowd = Crowd(0, 1, FPS)
        self.now_s, self.behind_s, self.counted = float(START_S), 0.0, 0
        self.bins: Counter[tuple[Node, int, str]] = Counter()
        self.open: dict[Node, int] = {}
        self.cuts = 0
        self.boot()

    def boot(self) -> None:
        """Begin a life with what is on the disk."""
        self.spool = SpoolDb(self.spool_file, new_epoch=1)
        settings = ReleaseSettings("street", ("door",), ZONE, LEVEL, "line-1", self.chance.randbytes(16))
        self.aggregator = Aggregator(settings, self.chance.randrange, self.spool.ledger())
        self.way = LineCrossings([LineSettings("door", "door", (0.5, 0.0), (0.5, 1.0), "right")], PICTURE)
        self.upload = at_start(int(self.now_s), self.chance.uniform)
        self.born_s, self.open = self.now_s, {}
        self.accelerator = Accelerator.EDGE_TPU

    def cut_power(self) -> None:
        """All but the disk is gone, for some minutes; the clock is right again."""
        self.spool.close()
        self.cuts += 1
        self.behind_s = 0.0
        self.now_s += self.chance.randrange(60, 1200)
        self.boot()

    def moment(self) -> Moment:
        return Moment(self.now_s - self.behind_s, self.now_s - self.born_s, ClockQuality.SYNCED)

    def watch(self, seconds: int) -> None:
        """The camera gives its pictures."""
        for _ in range(seconds * FPS):
            self.now_s += 1 / FPS
            at_s = self.now_s - self.born_s
            crossings = self.way.count(self.way.track(self.crowd.step(), at_s), at_s)
            self.store(self.aggregator.observe(self.moment(), crossings, self.accelerator))
            for one in crossings:
                self.counted += 1
                for node, start_s in self.open.items():
                    self.bins[node, start_s, one.direction] += 1

    def hang(self, seconds: int) -> None:
        """The camera gives nothing, and the street is not looked at."""
        for _ in range(seconds // 60):
            self.now_s += 60
            self.store(self.aggregator.pass_time(self.moment()))

    def store(self, messages: list[BinOpened | CountRecord]) -> None:
        for message in messages:
            if isinstance(message, BinOpened):
                self.open[message.node] = message.start_s
            elif self.open.get(message.node) == message.start_s:
                del self.open[message.node]
            for _ in range(1 + (self.chance.random() < 0.05)):  # an acknowledgement is lost, and it comes again
                record(self.spool, SEALER, message, int(self.now_s))

    def live_an_hour(self, day: int, hour: int) -> None:
        """Something breaks at most hours. Power is cut every other day, since a day that was cut has no whole count."""
        self.crowd.a_minute = PEOPLE_A_MINUTE[hour]
        until_s = self.now_s + HOUR_S
        fault = {5: self.lose_accelerator, 8: self.kill_collector, 10: self.set_clock_back, 12: self.set_clock_right}
        fault[17] = lambda: self.hang(600)
        if day % 2:
            fault |= {14: self.cut_power, 19: self.cut_power}
        self.watch(self.chance.randrange(300, 3000))
        fault.get(hour, lambda: None)()
        while self.now_s < until_s:
            self.watch(min(60, max(1, int(until_s - self.now_s))))
            if self.now_s >= self.upload.due_s:
                visit = upload_once(self.spool, self.line, "counter-7", [self.collector.receipt_key()])
                self.upload = after_visit(self.upload, visit, int(self.now_s), self.chance.uniform)
        if hour % 6 == 0:
            record(self.spool, SEALER, HEALTH_RECORD, int(self.now_s))

    def lose_accelerator(self) -> None:
        self.accelerator = Accelerator.CPU

    def set_clock_back(self) -> None:
        self.behind_s = 900.0

    def set_clock_right(self) -> None:
        self.behind_s = 0.0

    def kill_collector(self) -> None:
        self.collector.stop(kill=True)
        self.collector.start()
        self.line.move(self.collector.devices_url)

    def come_home(self) -> None:
        """Let the backlog drain, in any weather."""
        for _ in range(400):
            if not self.spool.waiting():
                break
            upload_once(self.spool, self.line, "counter-7", [self.collector.receipt_key()])

    def held(self) -> Held:
        self.come_home()
        gc.collect()
        assert self.collector.process is not None
        return Held(
            len(gc.get_objects()),
            memory_kib("self"),
            len(list(Path("/proc/self/fd").iterdir())),
            self.way.tracker.remembered,
            self.way.counters[0].remembered,
            self.spool.waiting(),
            sum(file.stat().st_size for file in self.spool_file.parent.glob("spool.db*")),
            len(self.spool.ledger()),
            memory_kib(str(self.collector.process.pid)),
            len(list(Path(f"/proc/{self.collector.process.pid}/fd").iterdir())),
        )


def memory_kib(process: str) -> int:
    """The resident memory of a process."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")))


ROOM = Held(
    objects=2000,
    memory_kib=6 * 1024,
    files=2,
    tracks=30,
    sides=60,
    waiting=0,
    spool_bytes=1 << 20,
    ledger_rows=4,
    collector_kib=16 * 1024,
    collector_files=8,
)
"""By how much the last half of the days may exceed the days before: what a busier minute takes, and an allocator's grain."""


def assert_flat(days: list[Held]) -> None:
    before, after = days[1 : len(days) // 2], days[len(days) // 2 :]
    for name in Held.__dataclass_fields__:
        first, last = (max(getattr(day, name) for day in part) for part in (before, after))
        assert last <= first + getattr(ROOM, name), f"{name}: {[getattr(day, name) for day in days]}"


def assert_counts(records: list[CountRecord], street: Street) -> None:
    """Every hour and day is told once; what was released is what was counted, give or take its noise."""
    assert len({(one.node, one.start_s) for one in records}) == len(records)
    hours = [one for one in records if one.node is Node.HOUR]
    assert sorted(one.start_s for one in hours) == [START_S + n * HOUR_S for n in range(len(hours))], "none is missing"
    assert len(hours) >= DAYS * 24 - 1
    lost = [one for one in hours if one.state is State.LOST]
    assert 0 < len(lost) <= 2 * street.cuts
    released = [one for one in records if one.state is State.RELEASED]
    assert Counter(one.node for one in released)[Node.DAY] >= DAYS // 2 - 1
    assert len(released) > DAYS * 18
    off: dict[Node, list[float]] = {Node.HOUR: [], Node.DAY: []}
    for one in released:
        epsilon = float(node_epsilon(one.profile, one.node, exits=one.exits))
        told = {"in": one.entered, "out": one.exited}
        for direction, number in told.items():
            assert number is not None
            error = number - street.bins[one.node, one.start_s, direction]
            assert abs(error) <= math.log(1e9) / epsilon, f"{one.node.name} at {one.start_s}: {error}"
            a = math.exp(-epsilon)
            off[one.node].append(error / math.sqrt(2 * a / (1 - a) ** 2))
    for node, errors in off.items():
        if errors:
            mean, spread = sum(errors) / len(errors), sum(error**2 for error in errors) / len(errors)
            assert abs(mean) < 5 / math.sqrt(len(errors)), f"{node.name}: the noise has a mean"
            assert abs(spread - 1) < 5 * math.sqrt(5 / len(errors)), f"{node.name}: the noise is not the declared one"
    assert sum(map(abs, off[Node.HOUR])) > 0, "there is noise"


def test_days_of_a_street_leave_nothing_behind_and_count_right(tmp_path: Path) -> None:
    with running_collector(tmp_path / "collector") as collector:
        line = BadLine(collector.add_device("counter-7", key="device"), Random("weather"))
        street, days = Street(tmp_path, collector, line), []
        for day in range(DAYS):
            for hour in range(24):
                street.live_an_hour(day, hour)
            days.append(street.held())
        street.watch(1)
        street.come_home()
        assert street.spool.waiting() == 0
        address = CollectorAddress(collector.pull_url, collector.ca_file, collector.token_file())
        records = read_everything(tmp_path, address, CONTROLLER, int(time.time()))
        street.line.transport.close()
        street.spool.close()
    assert line.met.keys() == set(WEATHERS)
    assert abs(street.counted - street.crowd.truth) <= MISCOUNTED * street.crowd.truth
    assert_flat(days)
    assert_counts(records, street)
