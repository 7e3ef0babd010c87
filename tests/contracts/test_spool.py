"""One suite for every spool: the SQLite one and the one that the simulations use."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.delivery.ports import NotAccountable, StoredEnvelope
from safecount.delivery.recorder import Verdict, record
from safecount.delivery.sealer import Sealer
from safecount.edges.spool_db import SpoolDb
from safecount.wire.chain import Step, classify, start_of
from safecount.wire.envelope import parse_envelope
from safecount.wire.errors import Reason
from safecount.wire.keyset import Role
from safecount.wire.receipt import Receipt
from safecount.wire.values import BinOpened, CountRecord, Node, State
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD
from simulators.spool import MemorySpool

Spool = SpoolDb | MemorySpool
SEALER = Sealer("counter-7", signing_key("device"), keyset(reader("controller").recipient(Role.CONTROLLER)))
HOUR_S = 3600


@pytest.fixture(params=["sqlite", "memory"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Spool]:
    if request.param == "memory":
        yield MemorySpool(new_epoch=3)
    else:
        with SpoolDb(tmp_path / "spool.db", new_epoch=3) as real:
            yield real


def hour(number: int, state: State = State.RELEASED) -> CountRecord:
    released = state is State.RELEASED
    start_s = HOUR_RECORD.start_s + number * HOUR_S
    return replace(
        HOUR_RECORD, start_s=start_s, state=state, entered=1 if released else None, coverage_s=3600 if released else 0
    )


def opening(number: int, door: str = HOUR_RECORD.door) -> BinOpened:
    start_s = HOUR_RECORD.start_s + number * HOUR_S
    return BinOpened(door, Node.HOUR, start_s, start_s + HOUR_S)


def fill(spool: Spool, count: int) -> list[StoredEnvelope]:
    for _ in range(count):
        record(spool, SEALER, HEALTH_RECORD, 0)
    return spool.unsent(count)


def receipt(envelope: StoredEnvelope) -> Receipt:
    return Receipt("counter-7", envelope.epoch, envelope.sequence, envelope.digest, 1_781_082_000)


def test_envelopes_come_back_in_order_and_chained(spool: Spool) -> None:
    assert spool.head() == start_of(3)
    last = spool.head()
    for envelope in fill(spool, 5):
        claimed = parse_envelope(envelope.raw)
        assert classify(last, claimed.header) is Step.NEXT
        last = replace(last, sequence=envelope.sequence, digest=envelope.digest)
    assert spool.head() == last
    assert [envelope.sequence for envelope in spool.unsent(3)] == [1, 2, 3]


def test_an_envelope_goes_only_for_a_receipt_with_its_digest(spool: Spool) -> None:
    first, second = fill(spool, 2)
    spool.drop([replace(receipt(first), digest=second.digest), replace(receipt(first), epoch=2)])
    assert spool.unsent(9) == [first, second]
    spool.drop([receipt(first), receipt(first)])
    assert spool.unsent(9) == [second]


def test_the_chain_goes_on_after_everything_was_sent(spool: Spool) -> None:
    spool.drop([receipt(envelope) for envelope in fill(spool, 3)])
    assert spool.unsent(9) == []
    assert [envelope.sequence for envelope in fill(spool, 1)] == [4]


def test_a_refused_envelope_is_kept_but_not_offered(spool: Spool) -> None:
    first, second = fill(spool, 2)
    spool.hold(first, Reason.FORK)
    assert spool.unsent(9) == [second]
    spool.drop([receipt(first)])
    assert spool.head().sequence == 2


def test_a_bin_is_opened_once_and_released_once(spool: Spool) -> None:
    assert record(spool, SEALER, opening(0), 0) is Verdict.STORED
    assert record(spool, SEALER, opening(0), 0) is Verdict.ALREADY_ACCOUNTED
    assert record(spool, SEALER, hour(0), 0) is Verdict.STORED
    for again in (hour(0), hour(0, State.LOST), opening(0)):
        assert record(spool, SEALER, again, 0) is Verdict.ALREADY_ACCOUNTED
    assert len(spool.unsent(9)) == 1


def test_a_bin_that_was_not_opened_can_be_lost_but_not_released(spool: Spool) -> None:
    assert record(spool, SEALER, hour(0), 0) is Verdict.ALREADY_ACCOUNTED
    assert record(spool, SEALER, hour(0, State.LOST), 0) is Verdict.STORED
    assert record(spool, SEALER, opening(0), 0) is Verdict.ALREADY_ACCOUNTED
    assert spool.head().sequence == 1


def test_other_doors_and_kinds_of_bins_are_accounted_for_apart(spool: Spool) -> None:
    day = BinOpened(HOUR_RECORD.door, Node.DAY, HOUR_RECORD.start_s, HOUR_RECORD.start_s + 86_400)
    for message in (opening(0), opening(0, "south"), day, opening(1)):
        assert record(spool, SEALER, message, 0) is Verdict.STORED


def test_the_ledger_covers_what_was_told_and_shows_what_is_open(spool: Spool) -> None:
    for number in range(3):
        spool.open_bin(opening(number))
        record(spool, SEALER, hour(number), 0)
    spool.open_bin(opening(3))
    rows = spool.ledger()
    start_s = HOUR_RECORD.start_s
    assert [(row.start_s, row.end_s) for row in rows if row.open] == [(start_s + 3 * HOUR_S, start_s + 4 * HOUR_S)]
    assert sum(row.end_s - row.start_s for row in rows if not row.open) == 3 * HOUR_S


def test_an_envelope_out_of_turn_is_a_defect_and_is_not_stored(spool: Spool) -> None:
    skipping = SEALER.seal_health(HEALTH_RECORD, replace(spool.head(), sequence=4))
    other_epoch = SEALER.seal_health(HEALTH_RECORD, start_of(9))
    for sealed in (skipping, other_epoch):
        with pytest.raises(ValueError, match="follow the head"):
            spool.append(sealed, None)
    assert spool.unsent(9) == []


def test_a_refused_record_leaves_no_envelope_behind(spool: Spool) -> None:
    with pytest.raises(NotAccountable):
        spool.append(SEALER.seal_count(hour(0), spool.head(), 0), hour(0))
    assert spool.head() == start_of(3)
    assert spool.unsent(9) == []
