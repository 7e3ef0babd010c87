"""From crossings to the controller: power cuts, an offline month, every weather, and each bin arrives once and in
order.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.counting.aggregator import Aggregator, Level, Message, Moment, ReleaseSettings
from safecount.counting.values import Crossing
from safecount.delivery.ports import Transport
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.delivery.upload_policy import after_visit, at_start
from safecount.delivery.uploader import upload_once
from safecount.edges.https import HttpsTransport
from safecount.edges.spool_db import SpoolDb
from safecount.wire.chain import Step, classify, next_link, start_of
from safecount.wire.envelope import Kind
from safecount.wire.keyset import Role
from safecount.wire.record import decode_count, decode_health, unpad_body
from safecount.wire.values import Accelerator, ClockQuality, CountRecord, Node, Profile, State
from safecount_ops.controller.home import CollectorAddress
from simulators.collector import MemoryCollector
from simulators.controller import read_everything
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD
from simulators.running_collector import running_collector

ZONE = ZoneInfo("Europe/Berlin")
START_S = int(datetime(2026, 3, 20, tzinfo=ZONE).timestamp())
FRAME_S = 300
CONTROLLER, DEVICE_KEY = reader("controller"), signing_key("device")
SEALER = Sealer("counter-7", DEVICE_KEY, keyset(CONTROLLER.recipient(Role.CONTROLLER)))
WEATHERS = ["unreachable", "busy", "cut before storing", "cut after storing", "half stored", "doubled", "fair", "fair"]


@dataclass
class Device:
    """The vision, seal and uplink processes of one device over a real spool, on a clock of its own."""

    spool_file: Path
    collector: MemoryCollector
    generator: Random
    doors: tuple[str, ...] = ("north", "south")
    online: bool = True
    now_s: int = START_S
    transport: Transport | None = None
    receipt_keys: list[Ed25519PublicKey] = field(default_factory=lambda: [signing_key("collector").public_key()])

    def boot(self) -> None:
        """Begin a life with what is on the disk, and nothing else."""
        self.spool = SpoolDb(self.spool_file, new_epoch=1)
        boot = self.generator.randbytes(16)
        settings = ReleaseSettings("station", self.doors, ZONE, Level(Profile.STANDARD), "line-1", boot)
        self.aggregator = Aggregator(settings, self.generator.randrange, self.spool.ledger())
        self.upload = at_start(self.now_s, self.generator.uniform)

    def cut_power(self, off_s: int) -> None:
        """The memory is gone; the disk holds what was synced."""
        self.spool.close()
        self.now_s += off_s
        self.boot()

    def live(self, seconds: int) -> None:
        for _ in range(seconds // FRAME_S):
            crossings = [Crossing("line", self.generator.choice(self.doors), "in", 0.0, 1.0, 1.0)]
            moment = Moment(self.now_s, self.now_s, ClockQuality.SYNCED)
            self.store(self.aggregator.observe(moment, crossings, Accelerator.CPU))
            if self.now_s % (6 * 3600) == 0:
                record(self.spool, SEALER, HEALTH_RECORD, self.now_s)
            if self.online and self.now_s >= self.upload.due_s:
                self.visit()
            self.now_s += FRAME_S

    def store(self, messages: list[Message]) -> None:
        for message in messages:
            record(self.spool, SEALER, message, self.now_s)
            if self.generator.random() < 0.05:  # an acknowledgement is lost, and the message comes again
                record(self.spool, SEALER, message, self.now_s)

    def visit(self) -> None:
        visit = upload_once(self.spool, self.transport or self.collector, "counter-7", self.receipt_keys)
        self.upload = after_visit(self.upload, visit, self.now_s, self.generator.uniform)

    def come_home(self) -> None:
        """Let the backlog drain in fair weather."""
        self.collector.weather = []
        while self.spool.unsent(1):
            self.visit()
        self.spool.close()


def opened(collector: MemoryCollector) -> list[CountRecord]:
    """What the controller reads, once the chain has held from its beginning: nothing removed, doubled or reordered."""
    records, last = [], start_of(1)
    for place in sorted(collector.stored):
        envelope = collector.stored[place]
        assert classify(last, envelope.header) is Step.NEXT
        last = next_link(envelope.header, envelope.raw)
        if envelope.header.kind is Kind.COUNT:
            records.append(decode_count(CONTROLLER.open_sealed(envelope.header, envelope.contents[0])))
        else:
            assert decode_health(unpad_body(envelope.contents[0])) == HEALTH_RECORD
    return records


def bins_of(records: list[CountRecord]) -> list[tuple[str, Node, int]]:
    return [(record.door, record.node, record.start_s) for record in records]


@pytest.fixture
def device(tmp_path: Path) -> Callable[[str], Device]:
    def make(seed: str) -> Device:
        made = Device(tmp_path / "spool.db", MemoryCollector(DEVICE_KEY.public_key()), Random(seed))
        made.boot()
        return made

    return make


def test_ten_days_in_fair_weather_bring_every_bin_of_every_door(device: Callable[[str], Device]) -> None:
    counter = device("fair")
    counter.live(10 * 86_400)  # with the day of 23 hours, 29 March
    counter.come_home()
    records = opened(counter.collector)
    assert len(set(bins_of(records))) == len(records)
    for door in counter.doors:
        mine = [record for record in records if record.door == door]
        assert sum(record.length_s for record in mine if record.node is Node.HOUR) >= 10 * 86_400 - 3600
        assert [record.day.day for record in mine if record.node is Node.DAY] == [
            20,
            21,
            22,
            23,
            24,
            25,
            26,
            27,
            28,
            29,
        ]
    assert {record.state for record in records} == {State.RELEASED}


@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_power_cuts_and_bad_weather_lose_only_what_was_open(device: Callable[[str], Device], seed: str) -> None:
    counter = device(seed)
    generator = counter.generator
    for _ in range(12):
        counter.collector.weather = [generator.choice(WEATHERS) for _ in range(6)]
        counter.live(generator.randrange(3600, 90_000))
        counter.cut_power(generator.randrange(1, 20_000))
    counter.live(7200)
    counter.come_home()
    records = opened(counter.collector)
    told = bins_of(records)
    assert len(set(told)) == len(told), "no bin is told of twice"
    for door in counter.doors:
        hours = sorted(start for name, node, start in told if (name, node) == (door, Node.HOUR))
        assert hours == list(range(START_S, hours[-1] + 1, 3600)), "and no hour is missing"
    lost = [record for record in records if record.state is State.LOST]
    assert lost, "cuts have lost something, and say so"
    assert all(record.entered is None for record in lost)


def offline(counter: Device, days: int) -> int:
    """Live so many days without a network, then some hours with one; how many envelopes have waited."""
    counter.online = False
    counter.live(days * 86_400)
    waiting = counter.spool.waiting()
    assert waiting >= days * (len(counter.doors) * 25 + 4) - 2 * len(counter.doors)
    counter.online = True
    counter.live(3 * 3600)
    return waiting


def test_after_two_weeks_offline_everything_arrives_once_and_in_order(device: Callable[[str], Device]) -> None:
    counter = device("offline")
    waiting = offline(counter, 14)
    counter.come_home()
    records = opened(counter.collector)
    assert len(set(bins_of(records))) == len(records)
    assert len(counter.collector.stored) >= waiting


@pytest.mark.soak
def test_after_a_year_offline_everything_reaches_the_controller_once_and_in_order(
    device: Callable[[str], Device], tmp_path: Path
) -> None:
    """Over HTTPS to the real collector, and from there to the real controller, which checks order and wholeness."""
    counter = device("a year")
    with running_collector(tmp_path / "collector") as running:
        transport = HttpsTransport(running.add_device("counter-7", key="device"))
        counter.transport, counter.receipt_keys = transport, [running.receipt_key()]
        waiting = offline(counter, 365)
        counter.come_home()
        transport.close()
        address = CollectorAddress(running.pull_url, running.ca_file, running.token_file())
        records = read_everything(tmp_path, address, CONTROLLER, int(time.time()))
    assert len(set(bins_of(records))) == len(records) >= waiting - 4 * 366, "all but the health records"
    for door in counter.doors:
        hours = sorted(start for name, node, start in bins_of(records) if (name, node) == (door, Node.HOUR))
        assert hours == list(range(START_S, START_S + len(hours) * 3600, 3600))
        assert len(hours) >= 365 * 24
