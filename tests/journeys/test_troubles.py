"""What goes wrong on a door, met by the device's real processes: the disk, the clock, the keys, the network."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from debian import need
from safecount.edges.record_socket import RecordClient, Reply, SealUnreachable
from safecount.edges.spool_db import SpoolDb
from safecount.wire.envelope import Kind, parse_envelope
from safecount.wire.record import decode_health, unpad_body
from safecount.wire.update_state import Refusal, UpdateReport, encode_report
from safecount.wire.values import BinOpened, HealthRecord, Node, Trouble, UpdateState
from simulators.collector import MemoryCollector
from simulators.device import DeviceFolder, stop, wait_until
from simulators.failing_disk import failing_disk
from simulators.keys import signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.tls import Authority, LoopbackServer, http

HASTE = """
[upload]
round_s = 0.2
first_retry_s = 0.1
longest_retry_s = 0.2
[health]
first_after_s = 0.2
every_s = 0.2
"""
FAR_S = 4_000_000_000
UNTRUE_URL = "https://collector.invalid"


@dataclass
class Door:
    """A device with an owner, and what its processes log."""

    device: DeviceFolder
    authority: Authority
    log: Path

    @contextmanager
    def running(self, *roles: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        with self.log.open("ab") as log:
            processes = [self.device.start(role, log) for role in roles]
            for process in processes:
                wait_until(partial(can_be_asked_to_stop, process), "it has come up")
            try:
                yield processes
            finally:
                assert [stop(process) for process in processes if process.returncode is None] == [0] * len(roles)

    def logged(self, text: str) -> bool:
        return text in self.log.read_text()

    def client(self) -> RecordClient:
        return connected(self.device.socket)

    def health(self) -> list[HealthRecord]:
        """What the spool holds for the collector."""
        if not self.device.socket.exists():
            return []
        with SpoolDb(self.device.spool_file, new_epoch=None) as spool:
            envelopes = [parse_envelope(one.raw) for one in spool.unsent(100_000)]
        return [decode_health(unpad_body(one.contents[0])) for one in envelopes if one.header.kind is Kind.HEALTH]

    def tells(self, trouble: Trouble) -> Callable[[], bool]:
        return lambda: any(one.troubles & trouble for one in self.health())


def can_be_asked_to_stop(process: subprocess.Popen[bytes]) -> bool:
    caught = Path(f"/proc/{process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def connected(socket: Path) -> RecordClient:
    made: list[RecordClient] = []

    def connect() -> bool:
        try:
            made.append(RecordClient(socket))
        except SealUnreachable:
            return False
        return True

    wait_until(connect, "the seal process listens")
    return made[0]


def opened(number: int) -> BinOpened:
    return BinOpened("north", Node.HOUR, number * 3600, number * 3600 + 3600)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    device = DeviceFolder(tmp_path)
    device.configure(HASTE)
    authority = Authority(tmp_path)
    device.enrol(UNTRUE_URL, authority)
    (tmp_path / "log").touch()
    return Door(device, authority, tmp_path / "log")


def test_a_full_disk_holds_records_back_until_there_is_room(door: Door, tmp_path: Path) -> None:
    """A file system of 600 KiB in memory, in a mount namespace of the seal process alone."""
    spool = door.device.spool_file.parent
    mount = f"mount -t tmpfs -o size=600k none {spool} && exec {sys.executable} -m safecount seal --settings "
    command = [need("unshare"), "-rm", "sh", "-c", mount + str(door.device.settings_file)]
    with door.log.open("ab") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        with door.client() as vision:
            filler = Path(f"/proc/{process.pid}/root{spool}/filler")
            filler.write_bytes(bytes(200_000))
            number = 0
            while (reply := vision.send(opened(number))) is Reply.STORED:
                number += 2
                assert number < 2000, "the disk is never full"
            assert reply is Reply.TRY_AGAIN
            wait_until(lambda: door.logged("The disk takes no more records"), "it says so")
            filler.unlink()
            wait_until(lambda: vision.send(opened(number)) is Reply.STORED, "it goes on when there is room")
        health = read_through(process.pid, door)
        with door.client() as vision:
            ledger = vision.welcome.ledger
    finally:
        code = stop(process)
    assert code == 0
    assert [row.start_s for row in ledger] == [3600 * one for one in range(0, number + 1, 2)]
    told = Trouble(0)
    for one in health:
        told |= one.troubles
    assert told & Trouble.DISK_FULL
    assert not told & Trouble.DISK_FAILING, "full is not worn"


def read_through(pid: int, door: Door) -> list[HealthRecord]:
    """The health records in a spool that only another mount namespace has, once it tells that the disk was full."""
    spool = door.device.spool_file
    found: list[HealthRecord] = []

    def full_is_told() -> bool:
        os.kill(pid, signal.SIGSTOP)  # for a copy of one moment
        for name in ("spool.db", "spool.db-wal"):
            shutil.copy(f"/proc/{pid}/root{spool.parent}/{name}", spool.parent / name)
        os.kill(pid, signal.SIGCONT)
        found[:] = door.health()
        for path in spool.parent.iterdir():
            path.unlink()
        return any(one.troubles & Trouble.DISK_FULL for one in found)

    wait_until(full_is_told, "a health record tells it")
    return found


@pytest.mark.parametrize("when", ["1+1", "2+3"])
def test_a_disk_that_returns_errors_loses_nothing_and_is_told_once_it_takes_records(door: Door, when: str) -> None:
    """All that is asked of it fails, or every third time: then some records get through, and none twice."""
    with door.running("seal") as [seal]:
        wait_until(lambda: sent(door, 0) is Reply.STORED, "the seal process listens")
        with failing_disk(seal.pid, door.device.spool_file, when):
            replies = [sent(door, number) for number in (2, 4, 6)]
            wait_until(lambda: door.logged("The disk takes no more records"), "it says so")
        assert when != "1+1" or Reply.STORED not in replies
        for number in (2, 4, 6, 8):
            wait_until(partial(is_accounted_for, door, number), "it goes on")
        wait_until(door.tells(Trouble.DISK_FAILING), "the health record tells it")
        assert not door.tells(Trouble.DISK_FULL)(), "worn is not full"
        assert not door.logged("set aside"), "what passes is no damage"
    with door.running("seal"), door.client() as vision:
        assert [row.start_s // 3600 for row in vision.welcome.ledger] == [0, 2, 4, 6, 8]


def is_accounted_for(door: Door, number: int) -> bool:
    return sent(door, number) in {Reply.STORED, Reply.ALREADY_ACCOUNTED}


def sent(door: Door, number: int) -> Reply | None:
    """What becomes of an attempt; None if the seal process hung up on it, as it does while its disk fails."""
    try:
        with RecordClient(door.device.socket) as vision:
            return vision.send(opened(number))
    except SealUnreachable:
        return None


def test_a_damaged_spool_is_set_aside_and_what_it_told_is_never_told_again(door: Door) -> None:
    with door.running("seal"), door.client() as vision:
        vision.send(opened(1))
        wait_until(door.health, "a health record")
    door.device.spool_file.write_bytes(b"a card that has lost its mind " * 1000)
    door.device.spool_file.with_name("spool.db-wal").unlink(missing_ok=True)
    with door.running("seal"), door.client() as vision:
        now = int(time.time()) // 3600
        assert vision.send(opened(now)) is Reply.ALREADY_ACCOUNTED
        assert vision.send(opened(now + 1)) is Reply.STORED
        wait_until(door.tells(Trouble.DISK_FAILING), "the health record tells it")
    assert door.logged("set aside")
    assert door.device.spool_file.with_name("spool.db.damaged").read_bytes().startswith(b"a card")


def test_with_a_clock_at_1970_no_chain_is_begun_and_one_that_is_there_tells_it(door: Door) -> None:
    """The clock's floor is put beyond the clock, which comes to the same."""
    image_date = door.device.folder / "image-date"
    image_date.touch()
    os.utime(image_date, (FAR_S, FAR_S))
    settings = door.device.settings_file.read_text()
    late = settings.replace("[clock]", f'[clock]\nfloor_file = "{image_date}"')
    door.device.settings_file.write_text(late)
    with door.running("seal"):
        time.sleep(0.7)
        assert not door.device.spool_file.exists()
        assert not door.device.socket.exists()
    door.device.settings_file.write_text(settings)
    with door.running("seal"):
        wait_until(door.device.spool_file.exists, "the spool is begun")
    door.device.settings_file.write_text(late)
    with door.running("seal"), door.client() as vision:
        assert vision.welcome.clock_floor_s == FAR_S, "the counting process is told what the time must be above"
        wait_until(door.tells(Trouble.CLOCK_UNSET), "the health record tells it")


@pytest.mark.parametrize("name", ["seal/signing.pem", "seal/keyset.cbor", "seal/root.pub", "site/site.toml"])
def test_what_is_missing_or_damaged_is_waited_for(door: Door, name: str) -> None:
    path = door.device.folder / "state" / name
    good = path.read_bytes()
    path.write_bytes(b"damaged")
    with door.running("seal"):
        wait_until(lambda: door.logged("cannot be used"), "it says so")
        path.unlink()
        time.sleep(0.7)
        assert not door.device.socket.exists()
        path.write_bytes(good)
        with door.client() as vision:
            assert vision.send(opened(1)) is Reply.STORED


def test_what_became_of_an_update_stands_in_the_health_record(door: Door) -> None:
    report = UpdateReport(UpdateState.REFUSED, Refusal.FROZEN, "2.0.0", 5)
    (door.device.part("update") / "report.cbor").write_bytes(encode_report(report))
    with door.running("seal"):
        wait_until(lambda: [one for one in door.health() if one.update_reason == Refusal.FROZEN], "it is told")
        (door.device.part("update") / "report.cbor").write_bytes(b"\xff" * 400)
        wait_until(lambda: door.health()[-1].update is UpdateState.NOTHING_NEW, "what cannot be read is not told")
    assert door.logged("left a report that cannot be read")


def test_no_name_service_a_portal_and_a_reset_lose_nothing_and_are_lived_through(door: Door) -> None:
    collector = LoopbackCollector(MemoryCollector(signing_key("device").public_key()))
    with door.running("seal", "uplink"):
        wait_until(lambda: door.logged("nothing: no connection."), "there is no such name")
        portal = http("200 OK", b"<html>Log in", Content_Type="text/html")
        with LoopbackServer(lambda connection: connection.sendall(portal), None) as server:
            door.device.enrol(f"https://127.0.0.1:{server.port}", door.authority)
            wait_until(lambda: door.logged("somebody in between"), "a portal answers without TLS")
        stranger = Authority(door.device.folder, "stranger")
        with LoopbackCollector(collector.store).serving(stranger) as url:
            door.device.enrol(url, door.authority)
            wait_until(lambda: door.logged("not the collector's certificate"), "a stranger answers")
        assert not collector.store.stored
        with collector.serving(door.authority) as url:
            collector.store.weather = ["cut before storing", "cut after storing", "busy", "half stored"]
            door.device.enrol(url, door.authority)
            wait_until(lambda: len(collector.store.stored) > 5, "everything arrives in the end")
    numbers = sorted(sequence for _, sequence in collector.store.stored)
    assert numbers == list(range(1, len(numbers) + 1))
    assert door.logged("half an answer")
