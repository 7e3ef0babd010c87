"""A disk that cannot read, and a file that is damaged: SQLite says the same of both, and only one of them gives up records."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from safecount.edges import spool_file
from safecount.edges.spool_db import SpoolDb
from safecount.edges.spool_file import SpoolDamaged, SpoolDiskFails
from simulators.failing_disk import failing_disk

ENVELOPES = 200


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool.db"
    SpoolDb(path, new_epoch=1).close()
    with sqlite3.connect(path) as db:
        rows = [(1, number, os.urandom(4096)) for number in range(1, ENVELOPES + 1)]
        db.executemany("INSERT INTO envelopes (epoch, sequence, raw) VALUES (?, ?, ?)", rows)
    db.close()
    return path


def look(path: Path) -> int:
    with SpoolDb(path, new_epoch=None) as spool:
        return len(spool.unsent(ENVELOPES))


@pytest.mark.parametrize("when", ["2+2", "3+4", "9+9", "30+31"])
def test_reads_that_fail_now_and_then_are_no_damage(spool: Path, when: str) -> None:
    with failing_disk(os.getpid(), spool, when, calls="pread64"):
        for _ in range(3):
            with suppress(SpoolDiskFails):
                assert look(spool) == ENVELOPES
    assert look(spool) == ENVELOPES


def test_a_part_that_cannot_be_read_for_long_is_given_up(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the length of the wait is made shorter."""
    monkeypatch.setattr(spool_file, "READ_AGAIN_FOR_S", 0.1)
    with failing_disk(os.getpid(), spool, calls="pread64"), pytest.raises(SpoolDamaged):
        look(spool)


def test_a_disk_that_fails_as_a_whole_gives_up_nothing(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_file, "READ_AGAIN_FOR_S", 0.1)
    with failing_disk(os.getpid(), spool), pytest.raises(SpoolDiskFails):
        look(spool)
    assert look(spool) == ENVELOPES


def test_bytes_that_have_changed_are_damage(spool: Path) -> None:
    raw = bytearray(spool.read_bytes())
    raw[4096 : 4096 * 8] = os.urandom(4096 * 7)
    spool.write_bytes(raw)
    with pytest.raises(SpoolDamaged):
        look(spool)
