"""The seal and the uplink process killed at random moments, the counting side with them, on a disk that fills and a network
that cuts, while hours go by: no record that was acknowledged is lost, none is told twice, and none is drawn again.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from safecount.edges.record_socket import RecordClient, Reply, SealUnreachable
from safecount.wire.chain import Step, classify, next_link, start_of
from safecount.wire.envelope import Kind
from safecount.wire.local import Message
from safecount.wire.record import decode_count
from safecount.wire.values import BinOpened, CountRecord, LedgerRow, Node, State
from simulators.collector import MemoryCollector
from simulators.device import CONTROLLER, DeviceFolder, wait_until
from simulators.keys import signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.nursery import Nursery
from simulators.records import HOUR_RECORD
from simulators.tls import Authority

HASTE = """
[upload]
round_s = 0.01
first_retry_s = 0.005
longest_retry_s = 0.02
[health]
first_after_s = 3600.0
"""
WEATHERS = ["fair", "fair", "busy", "cut before storing", "cut after storing", "half stored", "doubled", "stalled"]


@dataclass
class Counting:
    """The counting side: opens and releases hour after hour over the socket, in a thread, and lives on after cuts.

    What it releases in an hour is the hour's number, so that a value that is drawn again is noticed.
    """

    socket: Path
    draw: Random
    acknowledged: set[int] = field(default_factory=set)
    cut: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()

    def _run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.cut.clear()
                self._live()
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it again
            self.failure = error

    def _live(self) -> None:
        """From one power cut to the next: first what the ledger shows to be lost, then hour after hour."""
        client = self._connect()
        if client is None:
            return
        messages: list[Message] = [_lost(row) for row in client.welcome.ledger if row.open]
        start_s = max((row.end_s for row in client.welcome.ledger), default=HOUR_RECORD.start_s)
        while client is not None and not self._over():
            if not messages:
                messages = [BinOpened("north", Node.HOUR, start_s, start_s + 3600), _released(start_s)]
                start_s += 3600
                time.sleep(self.draw.uniform(0, 0.008))
            client = self._send(client, messages)
        if client is not None:
            client.close()

    def _send(self, client: RecordClient, messages: list[Message]) -> RecordClient | None:
        """Hand over the first message; on another connection if this one has gone."""
        try:
            reply = client.send(messages[0])
        except SealUnreachable:
            client.close()
            return self._connect()
        if reply is Reply.TRY_AGAIN:
            time.sleep(0.001)
            return client
        done = messages.pop(0)
        if isinstance(done, CountRecord) and done.state is State.RELEASED:
            self.acknowledged.add(done.start_s)
        return client

    def _connect(self) -> RecordClient | None:
        while not self._over():
            try:
                return RecordClient(self.socket)
            except SealUnreachable:
                time.sleep(0.001)
        return None

    def _over(self) -> bool:
        return self.cut.is_set() or self.stopping.is_set()


def _released(start_s: int) -> CountRecord:
    return replace(HOUR_RECORD, start_s=start_s, entered=(start_s - HOUR_RECORD.start_s) // 3600)


def _lost(row: LedgerRow) -> CountRecord:
    length_s = row.end_s - row.start_s
    return replace(HOUR_RECORD, start_s=row.start_s, length_s=length_s, state=State.LOST, entered=None, coverage_s=0)


def harm(nursery: Nursery, counting: Counting, collector: LoopbackCollector, draw: Random) -> None:
    """One kill at a random moment; around it the disk may be full, and the network is what it is."""
    collector.store.weather = draw.choices(WEATHERS, k=3)
    full = draw.random() < 0.2
    if full:
        nursery.limit_files("seal", draw.randrange(1, 200_000))
    time.sleep(draw.uniform(0, 0.012))
    victim = draw.choice(["seal", "seal", "uplink", "counting"])
    if victim == "counting":
        counting.cut.set()
    else:
        nursery.kill(victim)
        nursery.start(victim)
    if full and victim != "seal":
        nursery.limit_files("seal", -1)


def survive(folder: Path, kills: int, draw: Random) -> None:
    authority = Authority(folder)
    collector = LoopbackCollector(MemoryCollector(signing_key("device").public_key()))
    device = DeviceFolder(folder)
    device.configure(HASTE)
    counting = Counting(device.socket, draw)
    with collector.serving(authority) as url, Nursery(device.settings_file) as nursery:
        device.enrol(url, authority)
        for role in ("seal", "uplink"):
            nursery.start(role)
        with counting.running():
            wait_until(lambda: len(collector.store.stored) > 2, "the first records arrive")
            for _ in range(kills):
                harm(nursery, counting, collector, draw)
            nursery.limit_files("seal", -1)
        assert counting.failure is None, counting.failure
        collector.store.weather = []
        newest_s = max(counting.acknowledged)
        wait_until(lambda: newest_s in {one.start_s for one in opened(collector.store)}, "everything arrives", 60)
    check(opened(collector.store), counting.acknowledged)


def opened(store: MemoryCollector) -> list[CountRecord]:
    """What the controller reads, once the chain has held from its beginning."""
    stored = dict(store.stored)
    last = start_of(min(stored)[0])
    records = []
    for place in sorted(stored):
        envelope = stored[place]
        assert classify(last, envelope.header) is Step.NEXT
        last = next_link(envelope.header, envelope.raw)
        if envelope.header.kind is Kind.COUNT:
            records.append(decode_count(CONTROLLER.open_sealed(envelope.header, envelope.contents[0])))
    return records


def check(records: list[CountRecord], acknowledged: set[int]) -> None:
    starts = sorted(record.start_s for record in records)
    assert starts == list(range(starts[0], starts[-1] + 1, 3600)), "each hour is told once, and none is missing"
    released = {record.start_s: record for record in records if record.state is State.RELEASED}
    assert acknowledged <= set(released), "what was acknowledged has arrived"
    assert all(record == _released(start_s) for start_s, record in released.items()), "as it was first drawn"


def test_kills_at_random_moments_lose_and_double_nothing_on_the_whole_way(tmp_path: Path) -> None:
    survive(tmp_path, 60, Random("kills"))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
def test_ten_thousand_kills_lose_and_double_nothing_on_the_whole_way(tmp_path: Path, part: int) -> None:
    survive(tmp_path, 500, Random(f"kills {part}"))
