"""The device's three processes, as they are started on a door, in a temporary folder and against a loopback collector."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from safecount.edges.litert import load_card
from safecount.edges.record_socket import RecordClient, Reply
from safecount.wire.chain import Step, classify, next_link, start_of
from safecount.wire.envelope import Kind
from safecount.wire.keyset import Role
from safecount.wire.local import WatchStatus
from safecount.wire.record import decode_count, decode_health, unpad_body
from safecount.wire.values import (
    Accelerator,
    BinOpened,
    CameraState,
    CountRecord,
    HealthRecord,
    Node,
    State,
    Trouble,
)
from safecount_ops.assets import find_asset
from simulators.collector import MemoryCollector
from simulators.device import CONTROLLER, KEYSET, DeviceFolder, stop, wait_until
from simulators.keys import signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.records import HOUR_RECORD
from simulators.tls import Authority

MODEL = "ssd_mobilenetv2_oidv4_fp16"
QUICK = """
[upload]
round_s = 0.4
first_retry_s = 0.2
longest_retry_s = 1.0
[health]
first_after_s = {first_after_s}
every_s = {every_s}
"""


@dataclass
class Bench:
    """A device, its collector, and the way from one to the other."""

    device: DeviceFolder
    collector: LoopbackCollector
    authority: Authority
    url: str

    def enrol(self, doors: tuple[str, ...] = ("north",)) -> None:
        self.device.enrol(self.url, self.authority, doors)

    def opened(self) -> tuple[list[CountRecord], list[HealthRecord]]:
        """What controller and operator read, once the chain has held from its beginning."""
        counts, health = [], []
        stored = dict(self.collector.store.stored)
        last = start_of(min(stored, default=(0, 0))[0])
        for place in sorted(stored):
            envelope = stored[place]
            assert classify(last, envelope.header) is Step.NEXT
            last = next_link(envelope.header, envelope.raw)
            if envelope.header.kind is Kind.COUNT:
                counts.append(decode_count(CONTROLLER.open_sealed(envelope.header, envelope.contents[0])))
            else:
                health.append(decode_health(unpad_body(envelope.contents[0])))
        return counts, health


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    authority = Authority(tmp_path)
    collector = LoopbackCollector(MemoryCollector(signing_key("device").public_key()))
    collector.store.received_at_s = int(time.time())
    device = DeviceFolder(tmp_path)
    device.configure(QUICK.format(first_after_s=0.5, every_s=0.5))
    with collector.serving(authority) as url:
        yield Bench(device, collector, authority, url)


def test_seal_and_uplink_wait_for_an_owner_and_then_deliver(bench: Bench) -> None:
    with bench.device.running("seal") as seal, bench.device.running("uplink"):
        time.sleep(1.0)
        assert seal.poll() is None
        assert not bench.device.socket.exists()
        bench.enrol()
        wait_until(bench.device.socket.exists, "the seal process listens")
        with RecordClient(bench.device.socket) as vision:
            start_s = HOUR_RECORD.start_s
            assert vision.send(BinOpened("north", Node.HOUR, start_s, start_s + 3600)) is Reply.STORED
            assert vision.send(HOUR_RECORD) is Reply.STORED
            assert vision.send(HOUR_RECORD) is Reply.ALREADY_ACCOUNTED
            assert vision.send(WatchStatus(CameraState.FAILING, Accelerator.CPU, Trouble.CAMERA_HUNG)) is Reply.STORED
            wait_until(
                lambda: bench.opened()[0] and any(one.troubles & Trouble.CAMERA_HUNG for one in bench.opened()[1]),
                "the count and the trouble arrive",
            )
    counts, health = bench.opened()
    assert counts == [HOUR_RECORD]
    told = [one for one in health if one.troubles & Trouble.CAMERA_HUNG]
    assert [one.camera for one in told] == [CameraState.FAILING], "what was seen is told once"
    assert not told[0].troubles & Trouble.NOT_COUNTING
    assert (told[0].keyset, told[0].slot) == (1, "-")


def test_a_newer_keyset_comes_with_the_visits_and_is_sealed_for(bench: Bench) -> None:
    bench.enrol()
    later = replace(KEYSET, serial=2, recipients=(replace(CONTROLLER.recipient(Role.CONTROLLER), not_before_s=5),))
    with bench.device.running("seal"), bench.device.running("uplink"):
        wait_until(lambda: bool(bench.collector.store.stored), "the first health record arrives")
        bench.collector.keyset = later
        start_s = HOUR_RECORD.start_s
        with RecordClient(bench.device.socket) as vision:
            vision.send(BinOpened("north", Node.HOUR, start_s, start_s + 3600))
            vision.send(HOUR_RECORD)
        offered = bench.device.part("uplink") / "keyset.cbor"
        wait_until(offered.exists, "the uplink fetches the newer keyset")
        in_use = bench.device.part("seal") / "keyset.cbor"
        wait_until(lambda: in_use.read_bytes() == offered.read_bytes(), "the seal process takes it")


def test_an_orderly_stop_of_all_three_releases_the_open_bins(bench: Bench, tmp_path: Path) -> None:
    """A clip is counted by the real model; nothing is released before the site is known."""
    card = load_card(MODEL)
    (tmp_path / "models").mkdir()
    shutil.copy(find_asset(MODEL), tmp_path / "models" / card.file)
    clip = find_asset("vtest")
    bench.device.configure(
        QUICK.format(first_after_s=1.0, every_s=3600.0)
        + f'[clip]\nfile = "{clip}"\n[model]\ncard = "{MODEL}"\nfolder = "{tmp_path / "models"}"\nthreads = 1\n'
    )
    with ExitStack() as stack, (tmp_path / "vision.log").open("wb") as log:
        for role in ("uplink", "seal"):
            stack.enter_context(bench.device.running(role))
        vision = stack.enter_context(bench.device.running("vision", log))
        journal = tmp_path / "vision.log"
        wait_until(lambda: "being counted" in journal.read_text(), "frames are counted")
        bench.enrol(("north", "south"))
        wait_until(lambda: "are released" in journal.read_text(), "the site is taken up")
        time.sleep(0.5)
        assert stop(vision) == 0
        wait_until(lambda: len(bench.collector.store.stored) >= 5, "four bins and a health record arrive")
    assert journal.read_text().count("being counted") == 2, "for codes, and once there is a site for counting alone"
    counts, health = bench.opened()
    assert {(one.door, one.node) for one in counts} == {(door, node) for door in ("north", "south") for node in Node}
    assert {one.state for one in counts} == {State.RELEASED}
    assert health[0].version
