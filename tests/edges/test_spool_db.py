"""What only the real spool can show: kills at any moment, a full disk, a year offline, other formats, two processes."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from safecount.delivery.recorder import Verdict, record
from safecount.delivery.sealer import Sealed, Sealer
from safecount.edges.spool_db import MAX_LEDGER_ROWS, SpoolDb
from safecount.edges.spool_file import SpoolDamaged, SpoolNoRoom, SpoolTooNew, _is_damaged
from safecount.wire.chain import Link, Step, classify, start_of
from safecount.wire.envelope import ENVELOPE_BYTES, parse_envelope
from safecount.wire.errors import Reason
from safecount.wire.keyset import Role
from safecount.wire.receipt import Receipt
from safecount.wire.values import BinOpened, Node, State
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD

SEALER = Sealer("counter-7", signing_key("device"), keyset(reader("controller").recipient(Role.CONTROLLER)))
OPEN_AND_CLOSE = """
import pathlib, sys, safecount.edges.spool_db
safecount.edges.spool_db.SpoolDb(pathlib.Path(sys.argv[1]), new_epoch=None).close()
"""
LOST = replace(HOUR_RECORD, state=State.LOST, entered=None, coverage_s=0)


def plain(link: Link) -> Sealed:
    """An envelope-sized value for tests that need many and read none."""
    raw = link.sequence.to_bytes(8, "big") * (ENVELOPE_BYTES // 8)
    return Sealed(raw, Link(link.epoch, link.sequence + 1, bytes(32)))


def in_child(act: Callable[[int], None]) -> tuple[int, int]:
    """Run `act` in a forked process that can report single bytes; its pid, and the pipe to read them from."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        code = 1
        try:
            act(write_end)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    return child, read_end


def live(path: Path, report: int) -> None:
    """A device's life: hour after hour opened, released and, from time to time, sent. Reports each record that is
    stored.
    """
    with SpoolDb(path, new_epoch=1) as spool:
        for row in [row for row in spool.ledger() if row.open]:
            lost = replace(LOST, start_s=row.start_s, length_s=row.end_s - row.start_s)
            assert record(spool, SEALER, lost, 0) is Verdict.STORED
            os.write(report, b"r")
        start_s = max((row.end_s for row in spool.ledger()), default=HOUR_RECORD.start_s)
        while True:
            record(spool, SEALER, BinOpened(HOUR_RECORD.door, Node.HOUR, start_s, start_s + 3600), 0)
            assert record(spool, SEALER, replace(HOUR_RECORD, start_s=start_s), 0) is Verdict.STORED
            os.write(report, b"r")
            start_s += 3600


def kill_at_random(path: Path, generator: Random) -> int:
    """Let a device live for a moment and kill it; how many records it had reported as stored."""
    child, reports = in_child(lambda report: live(path, report))
    with os.fdopen(reports, "rb") as pipe:
        assert pipe.read(1), "the device has come up"
        time.sleep(generator.uniform(0, 0.006))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it was still alive"
        return 1 + len(pipe.read())


def check(path: Path, collected: list[Link], reported: int) -> int:
    """Take everything out of the spool as a collector would; how many. None missing, none twice."""
    with SpoolDb(path, new_epoch=99) as spool:
        batch = spool.unsent(100_000)
        for envelope in batch:
            header = parse_envelope(envelope.raw).header
            assert classify(collected[-1], header) is Step.NEXT
            collected.append(Link(header.epoch, header.sequence, envelope.digest))
        assert spool.head() == collected[-1]
        spool.drop([Receipt("counter-7", one.epoch, one.sequence, one.digest, 7) for one in batch])
        rows = spool.ledger()
        done_s = sum(row.end_s - row.start_s for row in rows if not row.open)
        assert done_s == 3600 * (len(collected) - 1), "each stored record accounts for one hour, and none for two"
        assert len([row for row in rows if row.open]) <= 1
        assert reported <= len(batch) <= reported + 1, "what was reported is there, and at most the one in flight more"
        return len(batch)


def survive_kills(path: Path, kills: int) -> int:
    generator = Random("kills")
    collected = [start_of(1)]
    records = 0
    for _ in range(kills):
        records += check(path, collected, kill_at_random(path, generator))
    return records


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    assert survive_kills(tmp_path / "spool.db", 40) >= 40


@pytest.mark.soak
def test_ten_thousand_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    assert survive_kills(tmp_path / "spool.db", 10_000) >= 10_000


def until_full(spool: SpoolDb) -> int:
    """Store health records until the disk refuses one; how many it took."""
    before = spool.head().sequence
    for _ in range(1000):
        try:
            record(spool, SEALER, HEALTH_RECORD, 0)
        except SpoolNoRoom:
            return spool.head().sequence - before
    raise AssertionError("the disk was never full")


def test_a_full_disk_refuses_keeps_all_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """The kernel refuses the child's writes beyond a size, as a full disk would."""
    path = tmp_path / "spool.db"
    SpoolDb(path, new_epoch=1).close()

    def fill(report: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        with SpoolDb(path, new_epoch=1) as spool:
            stored = sum(until_full(spool) for _ in range(3))
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert record(spool, SEALER, HEALTH_RECORD, 0) is Verdict.STORED
            os.write(report, (stored + 1).to_bytes(4, "big"))

    child, reports = in_child(fill)
    with os.fdopen(reports, "rb") as pipe:
        stored = int.from_bytes(pipe.read(), "big")
    assert os.waitpid(child, 0)[1] == 0
    assert stored > 10
    check_chain(path, stored)


def check_chain(path: Path, count: int) -> None:
    with SpoolDb(path, new_epoch=99) as spool:
        last = start_of(1)
        batch = spool.unsent(100_000)
        for envelope in batch:
            header = parse_envelope(envelope.raw).header
            assert classify(last, header) is Step.NEXT
            last = Link(header.epoch, header.sequence, envelope.digest)
        assert (len(batch), spool.head()) == (count, last)


def test_a_year_offline_is_kept_in_order(tmp_path: Path) -> None:
    """One door: 25 bins a day; written in one transaction, for a test waits for no disk."""
    count = 366 * 29
    with SpoolDb(tmp_path / "spool.db", new_epoch=1) as spool:
        spool.append(plain(spool.head()), None)
        with sqlite3.connect(tmp_path / "spool.db") as quick:
            rows = ((1, number, bytes(ENVELOPE_BYTES)) for number in range(2, count + 1))
            quick.executemany("INSERT INTO envelopes (epoch, sequence, raw) VALUES (?, ?, ?)", rows)
            quick.execute("UPDATE state SET sequence = ?", (count,))
        quick.close()
        spool.append(plain(Link(1, count, bytes(32))), None)
        assert spool.waiting() == count + 1
        assert spool.dropped() == 0
        sent = 0
        while batch := spool.unsent(64):
            assert [one.sequence for one in batch] == list(range(sent + 1, sent + len(batch) + 1))
            spool.drop([Receipt("d", one.epoch, one.sequence, one.digest, 7) for one in batch])
            sent += len(batch)
        assert (sent, spool.waiting()) == (count + 1, 0)


def test_beyond_its_capacity_the_oldest_goes_and_is_counted(tmp_path: Path) -> None:
    with SpoolDb(tmp_path / "spool.db", new_epoch=1, capacity=5) as spool:
        for _ in range(8):
            spool.append(plain(spool.head()), None)
        assert [envelope.sequence for envelope in spool.unsent(9)] == [4, 5, 6, 7, 8]
        assert spool.dropped() == 3


def test_the_ledger_is_bounded_and_rather_misses_than_forgets(tmp_path: Path) -> None:
    with SpoolDb(tmp_path / "spool.db", new_epoch=1) as spool:
        for number in range(MAX_LEDGER_ROWS + 20):
            start_s = HOUR_RECORD.start_s + number * 7200
            lost = replace(LOST, start_s=start_s)
            assert record(spool, SEALER, lost, 0) is Verdict.STORED
        assert len(spool.ledger()) <= MAX_LEDGER_ROWS
        for number in range(MAX_LEDGER_ROWS + 20):
            start_s = HOUR_RECORD.start_s + number * 7200
            again = BinOpened(HOUR_RECORD.door, Node.HOUR, start_s, start_s + 3600)
            assert record(spool, SEALER, again, 0) is Verdict.ALREADY_ACCOUNTED


def test_what_is_stored_survives_closing_and_the_epoch_stays(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with SpoolDb(path, new_epoch=5) as spool:
        record(spool, SEALER, HEALTH_RECORD, 0)
        head = spool.head()
    with SpoolDb(path, new_epoch=6) as spool:
        assert (spool.head(), head.epoch) == (head, 5)


def test_receipts_leave_a_floor_for_the_clock_that_never_falls(tmp_path: Path) -> None:
    with SpoolDb(tmp_path / "spool.db", new_epoch=5) as spool:
        for received_at_s in (100, 90):
            spool.drop([Receipt("d", 1, 1, bytes(32), received_at_s)])
        assert spool.received_at_s() == 100


def test_another_format_or_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    later = tmp_path / "later.db"
    SpoolDb(later, new_epoch=1).close()
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all " * 400)
    for path, error in ((later, SpoolTooNew), (other, SpoolDamaged)):
        with pytest.raises(error):
            SpoolDb(path, new_epoch=1)
    assert other.read_bytes() == b"no database at all " * 400


def test_the_group_shares_the_files_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with SpoolDb(tmp_path / "spool.db", new_epoch=1) as spool:
            record(spool, SEALER, HEALTH_RECORD, 0)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("spool.db", "spool.db-wal", "spool.db-shm"), 0o660)


def test_seal_and_uplink_share_the_file_without_getting_in_each_other_s_way(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    SpoolDb(path, new_epoch=1).close()

    def seal(_: int) -> None:
        with SpoolDb(path, new_epoch=1) as spool:
            for _number in range(150):
                assert record(spool, SEALER, HEALTH_RECORD, 0) is Verdict.STORED

    child, reports = in_child(seal)
    os.close(reports)
    sent: list[int] = []
    with SpoolDb(path, new_epoch=1) as spool:
        finished = False
        while not finished or spool.unsent(1):
            finished = finished or os.waitpid(child, os.WNOHANG)[0] == child
            batch = spool.unsent(16)
            for one in batch[:1]:
                spool.hold(one, Reason.FORK)
            spool.drop([Receipt("d", one.epoch, one.sequence, one.digest, 7) for one in batch])
            sent += [one.sequence for one in batch]
    assert sent == list(range(1, 151))


def test_looking_for_damage_lets_go_of_no_lock(tmp_path: Path) -> None:
    """Else another process that closes the spool takes itself for the last, and removes the log that is still stored in."""
    path = tmp_path / "spool.db"
    with SpoolDb(path, new_epoch=1) as spool:
        spool.append(plain(spool.head()), None)
        log = path.with_name("spool.db-wal").stat().st_ino
        assert not _is_damaged(path)
        subprocess.run([sys.executable, "-c", OPEN_AND_CLOSE, path], check=True)
        assert path.with_name("spool.db-wal").stat().st_ino == log
