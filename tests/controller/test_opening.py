"""From the archive to the table: each count once, whatever interrupts; and what gives none is told, a line each."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.errors import UsageError
from safecount.wire.keyset import Role
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.count_commands import refusal_text, whole_table, write_table
from safecount_ops.controller.counts import Counts, CountsError, Refusal
from safecount_ops.controller.home import Home
from safecount_ops.controller.keys import ReaderKey, reader_key
from safecount_ops.controller.opening import CHUNK, open_archive, open_kept
from safecount_ops.controller.pull import pull
from simulators.chains import MemorySource, chain_of, hours
from simulators.device import wait_until
from simulators.keys import keyset, reader
from simulators.records import HEALTH_RECORD

CONTROLLER, BACKUP = reader_key(reader("controller").seed), reader_key(reader("backup").seed)
KEYSET = keyset(reader("controller").recipient(Role.CONTROLLER), reader("backup").recipient(Role.BACKUP))
RECORDS = hours(30)
CHAIN = chain_of("counter-7", [*RECORDS[:10], HEALTH_RECORD, *RECORDS[10:]], KEYSET)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as opened:
        fill(opened, tmp_path, CHAIN)
        yield opened


@pytest.fixture
def counts(tmp_path: Path) -> Iterator[Counts]:
    with Counts(tmp_path / "counts.db") as opened:
        yield opened


def fill(archive: Archive, folder: Path, raws: list[bytes], device: str = "counter-7") -> None:
    source = MemorySource()
    source.take(device, raws)
    pull(source, archive, folder, 1_781_100_000, lambda _done, _of: None)


def opened(archive: Archive, counts: Counts, *keys: ReaderKey, processes: int = 1) -> int:
    return open_archive(archive, counts, keys or (CONTROLLER,), lambda _done, _of: None, processes)


def entries(counts: Counts) -> list[int | None]:
    return [one.record.entered for one in counts.told("station")]


@pytest.mark.parametrize("key", [CONTROLLER, BACKUP])
def test_either_reader_opens_every_record_and_once(archive: Archive, counts: Counts, key: ReaderKey) -> None:
    assert opened(archive, counts, key) == 31
    assert [one.record for one in counts.told("station")] == RECORDS
    assert opened(archive, counts, key) == 0
    assert refusal_text(counts) == []


def test_with_another_key_nothing_opens_and_later_everything(archive: Archive, counts: Counts) -> None:
    opened(archive, counts, reader_key(reader("stranger").seed))
    assert counts.count() == 0
    assert {one.why for one in counts.refused()} == {Refusal.NOT_FOR_US}
    assert "30 gave no count: each is sealed for keys that are not here." in refusal_text(counts)
    counts.try_refused_again()
    opened(archive, counts)
    assert entries(counts) == list(range(30))
    assert refusal_text(counts) == []


def test_cut_at_any_place_it_goes_on_and_no_count_is_there_twice(tmp_path: Path, counts: Counts) -> None:
    many = chain_of("counter-7", hours(3 * CHUNK // 2), keyset(reader("controller").recipient(Role.CONTROLLER)))

    class CutError(Exception):
        pass

    def cut(_done: int, _of: int) -> None:
        raise CutError

    with Archive(tmp_path / "many.db") as archive:
        fill(archive, tmp_path, many)
        with pytest.raises(CutError):
            open_archive(archive, counts, [CONTROLLER], cut, 1)
        assert counts.opened_up_to() == CHUNK
        assert opened(archive, counts) == len(many) - CHUNK
    assert entries(counts) == list(range(len(many)))


def test_on_several_cores_the_same_comes_out(tmp_path: Path, counts: Counts) -> None:
    many = chain_of("counter-7", hours(4 * CHUNK + 7), keyset(reader("controller").recipient(Role.CONTROLLER)))
    with Archive(tmp_path / "many.db") as archive:
        fill(archive, tmp_path, many)
        assert opened(archive, counts, processes=2) == len(many)
    assert entries(counts) == list(range(len(many)))


OF = "device = 'counter-7' AND sequence"
TAMPERINGS: list[tuple[str, Refusal, int]] = [
    (f"UPDATE envelopes SET raw = zeroblob(4096) WHERE {OF} = 5", Refusal.NOT_SIGNED, 5),
    (f"UPDATE envelopes SET raw = 'text' WHERE {OF} = 5", Refusal.NOT_SIGNED, 5),
    (f"UPDATE envelopes SET raw = (SELECT raw FROM envelopes WHERE {OF} = 2) WHERE {OF} = 9", Refusal.OUT_OF_PLACE, 9),
    ("UPDATE envelopes SET device = 'stranger' WHERE sequence = 3", Refusal.NOT_SIGNED, 3),
]


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_what_was_tampered_with_becomes_no_count_and_is_told(
    archive: Archive, counts: Counts, tmp_path: Path, tampering: tuple[str, Refusal, int]
) -> None:
    statement, why, sequence = tampering
    db = sqlite3.connect(tmp_path / "archive.db", isolation_level=None)
    db.execute("DROP TRIGGER kept_as_it_came")
    db.execute(statement)
    db.close()
    opened(archive, counts)
    assert [(one.why, one.sequence) for one in counts.refused()] == [(why, sequence)]
    assert counts.count() == 29
    assert len(refusal_text(counts)) == 2


def test_a_bin_that_a_device_tells_twice_counts_once(tmp_path: Path, counts: Counts) -> None:
    again = replace(RECORDS[3], entered=999)
    with Archive(tmp_path / "twice.db") as archive:
        fill(archive, tmp_path, chain_of("counter-7", [*RECORDS[:6], again], KEYSET))
        opened(archive, counts)
    assert entries(counts) == list(range(6))
    assert "tells a bin again" in refusal_text(counts)[0]
    counts.try_refused_again()
    assert counts.opened_up_to() == 7, "nothing to be gained by another key"


def test_what_is_sealed_for_us_but_damaged_before_signing_is_told(tmp_path: Path, counts: Counts) -> None:
    broken = keyset(reader("controller").recipient(Role.CONTROLLER))
    wrong = ReaderKey(bytes(32), reader_key(bytes(32)).private_key, reader("controller").public_key)
    with Archive(tmp_path / "broken.db") as archive:
        fill(archive, tmp_path, chain_of("counter-7", RECORDS[:2], broken))
        assert wrong.key_id == CONTROLLER.key_id
        key = archive.known_keys()[0].key
        (first, _) = archive.as_they_came(0, 2)
        found = open_kept(first, [Ed25519PublicKey.from_public_bytes(key)], {wrong.key_id: wrong})
    assert found == (None, Refusal.NOT_OPENED)


def test_a_file_that_holds_no_counts_is_told(tmp_path: Path) -> None:
    (tmp_path / "counts.db").write_bytes(b"no counts" * 1000)
    with pytest.raises(CountsError, match="delete the file"):
        Counts(tmp_path / "counts.db")
    with pytest.raises(UsageError, match="There is no site"), Counts(tmp_path / "new.db") as empty:
        whole_table(empty, ("nowhere",))


_POOL = """
from safecount_ops.controller.opening import _pool
import os, time
pool = _pool(2, [], {})
print(*sorted({pool.submit(os.getpid).result() for _ in range(20)}), flush=True)
time.sleep(60)
"""


def test_processes_that_hold_the_keys_end_with_the_one_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _POOL], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        workers = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    assert workers
    wait_until(lambda: not any(_runs(pid) for pid in workers), "the workers have ended")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to see it off


def test_only_sites_with_news_are_written_and_a_cut_before_writing_is_made_good(tmp_path: Path) -> None:
    home = Home(tmp_path)
    source = MemorySource()
    with Archive(home.archive) as archive, Counts(home.counts) as counts:
        source.take("counter-7", chain_of("counter-7", hours(30), KEYSET))
        pull(source, archive, tmp_path, 1_781_100_000, lambda *_: None)
        opened(archive, counts)
        assert write_table(home, counts, 0) == 1
        other = chain_of("counter-8", [replace(one, site="museum") for one in hours(3)], KEYSET)
        source.take("counter-8", other)
        pull(source, archive, tmp_path, 1_781_100_000, lambda *_: None)
        opened(archive, counts)  # and here it was cut
        assert write_table(home, counts, counts.opened_up_to()) == 1, "the museum's, which was opened before the cut"
        assert write_table(home, counts, counts.opened_up_to()) == 0
    assert sorted(path.name for path in home.table.iterdir()) == ["_written_up_to", "site=museum", "site=station"]
