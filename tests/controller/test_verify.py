"""The offline check: whatever somebody does to the archive is found, and nothing is found in a whole one."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.keyset import Role
from safecount_ops.controller.archive import Archive, Kept
from safecount_ops.controller.pull import pull
from safecount_ops.controller.pull_commands import statement_text
from safecount_ops.controller.verify import Flaw, check_chain, fingerprint, verify
from simulators.chains import MemorySource, chain_of, health_chain, hours
from simulators.keys import keyset, reader, signing_key

KEYSET = keyset(reader("controller").recipient(Role.CONTROLLER))
RAWS = chain_of("counter-7", hours(12), KEYSET)
FORKED = chain_of("counter-7", hours(12), KEYSET)
KEYS = [signing_key("counter-7").public_key()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    source = MemorySource()
    source.take("counter-7", RAWS)
    source.take("door", health_chain("door", 4, KEYSET))
    with Archive(tmp_path / "archive.db") as archive:
        pull(source, archive, tmp_path, 1_781_100_000, lambda _done, _of: None)
    return tmp_path / "archive.db"


def edit(path: Path, *statements: str) -> None:
    """What somebody with the file in hand can do."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER kept_as_it_came")
    db.execute("DROP TRIGGER kept_for_good")
    for statement in statements:
        db.execute(statement)
    db.close()


def found(path: Path) -> list[tuple[Flaw, int, int]]:
    with Archive(path, read_only=True) as archive:
        statement = verify(archive, lambda _: None)
    return [(fault.flaw, fault.first, fault.last) for fault in statement.faults]


def test_a_whole_archive_is_said_to_be_whole(path: Path) -> None:
    with Archive(path, read_only=True) as archive:
        statement = verify(archive, lambda _: None)
    assert statement.whole
    assert statement.envelopes == 16
    text = "\n".join(statement_text(statement))
    assert "none removed, edited, reordered, replayed or forked" in text
    assert "2 devices have a key that nobody has compared" in text


OF = "device = 'counter-7' AND sequence"
SWAP = f"UPDATE envelopes SET sequence = CASE sequence WHEN 6 THEN -7 ELSE -6 END WHERE {OF} IN (6, 7)"
COPY = f"UPDATE envelopes SET raw = (SELECT raw FROM envelopes WHERE {OF} = 2) WHERE {OF} = 9"
FROM_DOOR = (
    f"UPDATE envelopes SET raw = (SELECT raw FROM envelopes WHERE device = 'door' AND sequence = 2) WHERE {OF} = 2"
)
TAMPERINGS: list[tuple[str, list[tuple[Flaw, int, int]]]] = [
    (f"DELETE FROM envelopes WHERE {OF} = 4", [(Flaw.REMOVED, 4, 4)]),
    (f"DELETE FROM envelopes WHERE {OF} BETWEEN 1 AND 3", [(Flaw.REMOVED, 1, 3)]),
    (
        f"UPDATE envelopes SET raw = substr(raw, 1, 4095) || iif(substr(raw, -1) = x'00', x'01', x'00') WHERE {OF} = 5",
        [(Flaw.EDITED, 5, 5)],
    ),
    (f"UPDATE envelopes SET raw = 'text' WHERE {OF} = 5", [(Flaw.EDITED, 5, 5)]),
    (f"UPDATE envelopes SET raw = zeroblob(4096) WHERE {OF} = 12", [(Flaw.EDITED, 12, 12)]),
    (SWAP, [(Flaw.REORDERED, 6, 6), (Flaw.REORDERED, 7, 7)]),
    (COPY, [(Flaw.REORDERED, 9, 9)]),
    (FROM_DOOR, [(Flaw.EDITED, 2, 2)]),
]


@pytest.mark.parametrize(("statement", "faults"), TAMPERINGS)
def test_what_was_done_to_the_archive_is_found(path: Path, statement: str, faults: list[tuple[Flaw, int, int]]) -> None:
    edit(path, statement, "UPDATE envelopes SET sequence = -sequence WHERE sequence < 0")
    assert found(path) == faults


def test_a_tail_that_was_cut_off_shows_against_what_the_collector_had(path: Path) -> None:
    edit(path, f"DELETE FROM envelopes WHERE {OF} > 8")
    with Archive(path, read_only=True) as archive:
        statement = verify(archive, lambda _: None)
    assert not statement.whole
    assert "kept up to 8, the collector has 12" in "\n".join(statement_text(statement))


def faults_of(raws: dict[int, bytes]) -> list[tuple[Flaw, int, int]]:
    rows = (Kept(n, "counter-7", 1, sequence, raw) for n, (sequence, raw) in enumerate(sorted(raws.items())))
    checked = check_chain("counter-7", 1, rows, KEYS)
    return [(fault.flaw, fault.first, fault.last) for fault, _ in checked if fault is not None]


def test_two_histories_of_one_device_do_not_join(path: Path) -> None:
    assert faults_of(dict(enumerate(RAWS[:6] + FORKED[6:], 1))) == [(Flaw.FORKED, 7, 7)]


def numbers(sequences: range) -> st.SearchStrategy[set[int]]:
    return st.sets(st.sampled_from(sequences), min_size=1)


@given(numbers(range(1, 12)))
def test_whatever_was_removed_before_the_end_is_named_exactly(removed: set[int]) -> None:
    left = {n: raw for n, raw in enumerate(RAWS, 1) if n not in removed}
    named = {n for flaw, first, last in faults_of(left) if flaw is Flaw.REMOVED for n in range(first, last + 1)}
    assert named == removed
    assert len(faults_of(left)) == len([n for n in removed if n - 1 not in removed])


@given(st.permutations(range(1, 13)))
def test_in_another_order_each_one_out_of_place_is_named(order: list[int]) -> None:
    shuffled = {place: RAWS[n - 1] for place, n in enumerate(order, 1)}
    out_of_place = [(Flaw.REORDERED, place, place) for place, n in enumerate(order, 1) if place != n]
    assert faults_of(shuffled) == out_of_place


@given(st.integers(1, 12), st.integers(0, 4095), st.integers(1, 255))
def test_no_byte_can_be_changed_unseen(sequence: int, at: int, by: int) -> None:
    raws = dict(enumerate(RAWS, 1))
    raw = bytearray(raws[sequence])
    raw[at] ^= by
    raws[sequence] = bytes(raw)
    assert faults_of(raws) == [(Flaw.EDITED, sequence, sequence)]


def test_a_fingerprint_is_what_people_can_compare() -> None:
    text = fingerprint(bytes(32))
    assert len(text) == 39
    assert text.count(" ") == 7


def test_progress_is_told_for_every_envelope(path: Path) -> None:
    seen: list[int] = []
    with Archive(path, read_only=True) as archive:
        verify(archive, seen.append)
    assert seen[-1] == 16
