"""The seal and the uplink process and the collector killed at random moments, the counting side with them, on disks that
fill or fail and a network that cuts, stalls, doubles and reorders, while hours go by. What the controller then pulls and opens:
no record that was acknowledged is lost, none is told twice, and none is drawn again.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from safecount.edges.record_socket import RecordClient, Reply, SealUnreachable
from safecount.edges.spool_db import SpoolDb
from safecount.wire.keyset import Keyset
from safecount.wire.local import Message
from safecount.wire.values import BinOpened, CountRecord, LedgerRow, Node, State
from safecount_ops.controller.home import CollectorAddress
from simulators.bad_network import BadNetwork
from simulators.controller import read_everything
from simulators.device import CONTROLLER, DEVICE, KEYSET, DeviceFolder, wait_until
from simulators.failing_disk import failing_disk
from simulators.keys import signing_key
from simulators.nursery import Nursery
from simulators.records import HOUR_RECORD
from simulators.running_collector import RunningCollector, collector_command

HASTE = """
[upload]
round_s = 0.01
first_retry_s = 0.005
longest_retry_s = 0.02
[health]
first_after_s = 3600.0
"""


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


@dataclass
class Killing:
    """All that may be killed, and the moments at which it is."""

    nursery: Nursery
    counting: Counting
    collector: RunningCollector
    databases: dict[str, Path]
    draw: Random

    def harm(self) -> None:
        """One kill at a random moment; around it a disk may be full or fail, and the network is what it is."""
        victim = self.draw.choice(["seal", "seal", "uplink", "counting", "collector"])
        if victim == "collector":  # not before it can do any harm
            wait_until(self._collects, "the collector takes connections", 120)
        with self._bad_disk():
            time.sleep(self.draw.uniform(0, 0.012))
            if victim == "counting":
                self.counting.cut.set()
            else:
                self.nursery.kill(victim)
                self.start(victim)

    @contextmanager
    def _bad_disk(self) -> Iterator[None]:
        """Now and then somebody's disk is full, or returns errors: always, or now and then."""
        share = self.draw.random()
        if share < 0.2:
            sick = self.draw.choice(["seal", "collector"])
            self.nursery.limit_files(sick, self.draw.randrange(1, 200_000))
            yield
            self.nursery.limit_files(sick, -1)
        elif share < 0.4:
            sick, when = self.draw.choice(list(self.databases)), self.draw.choice(["1+1", "1+3", "2+5"])
            with failing_disk(self.nursery.pid(sick), self.databases[sick], when):
                yield
        else:
            yield

    def start(self, name: str) -> None:
        if name == "collector":
            self.nursery.start_collector(self.collector.folder)
        else:
            self.nursery.start(name)

    def _collects(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", _port(self.collector.pull_url))) == 0


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def collector_at(folder: Path) -> tuple[RunningCollector, Keyset]:
    """A collector's folder with ports of its own, so that it comes back to the same; and a keyset that believes it."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [server.getsockname()[1] for server in (one, other)]
    root = signing_key("root").public_key().public_bytes_raw().hex()
    collector_command(
        "init", folder, "--device-port", str(ports[0]), "--people-port", str(ports[1]), "--root-key", root
    )
    collector = RunningCollector(folder, None, *(f"https://127.0.0.1:{port}" for port in ports))
    return collector, replace(KEYSET, collectors=(collector.receipt_key().public_bytes_raw(),))


def survive(folder: Path, kills: int, draw: Random) -> None:
    collector, newest = collector_at(folder / "collector")
    device = DeviceFolder(folder)
    device.configure(HASTE)
    counting = Counting(device.socket, draw)
    with (
        BadNetwork(_port(collector.devices_url), draw) as network,
        Nursery(device.settings_file) as nursery,
    ):
        device.enrol_at(
            replace(collector.add_device(DEVICE, key="device"), url=f"https://127.0.0.1:{network.port}"), newest=newest
        )
        databases = {
            "seal": device.spool_file,
            "uplink": device.spool_file,
            "collector": folder / "collector/collector.db",
        }
        killing = Killing(nursery, counting, collector, databases, draw)
        for name in ("seal", "uplink", "collector"):
            killing.start(name)
        with counting.running():
            wait_until(lambda: len(counting.acknowledged) > 2, "the first records are taken", 120)
            for _ in range(kills):
                killing.harm()
            for name in ("seal", "collector"):
                nursery.limit_files(name, -1)
        assert counting.failure is None, counting.failure
        network.fair = True
        with SpoolDb(device.spool_file, new_epoch=None) as spool:
            wait_until(lambda: spool.waiting() == 0, "everything has its receipt", 300)
        address = CollectorAddress(collector.pull_url, collector.ca_file, collector.token_file())
        assert kills < 500 or sum(network.met.values()) > 0, f"the network was never bad: {network.met}"
        check(read_everything(folder, address, CONTROLLER, int(time.time())), counting.acknowledged)


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
