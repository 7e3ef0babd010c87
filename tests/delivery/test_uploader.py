from collections.abc import Sequence

import pytest

from safecount.delivery.ports import Failure, FailureKind, Outcome
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.delivery.uploader import Delivered, Visit, upload_once
from safecount.wire.errors import Reason
from safecount.wire.keyset import Role
from safecount.wire.receipt import Receipt, sign_receipt
from safecount.wire.uplink import Answer, Refusal
from simulators.collector import RECEIVED_AT_S, MemoryCollector
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD
from simulators.spool import MemorySpool

DEVICE_KEY, COLLECTORS = signing_key("device"), [signing_key("collector").public_key()]
SEALER = Sealer("counter-7", DEVICE_KEY, keyset(reader("controller").recipient(Role.CONTROLLER)))


def spool_of(count: int) -> MemorySpool:
    spool = MemorySpool(new_epoch=1)
    for _ in range(count):
        record(spool, SEALER, HEALTH_RECORD, 0)
    return spool


def collector() -> MemoryCollector:
    return MemoryCollector(DEVICE_KEY.public_key())


def visit(spool: MemorySpool, there: MemoryCollector, limit: int = 64) -> Visit:
    return upload_once(spool, there, "counter-7", COLLECTORS, limit)


def sequences(spool: MemorySpool) -> list[int]:
    return [envelope.sequence for envelope in spool.unsent(99)]


def test_what_is_receipted_is_dropped_and_nothing_else() -> None:
    spool, there = spool_of(5), collector()
    assert visit(spool, there, limit=3) == Delivered(3, 0, more=True, received_at_s=RECEIVED_AT_S, keyset=1)
    assert sequences(spool) == [4, 5]
    assert visit(spool, there, limit=3) == Delivered(2, 0, more=False, received_at_s=RECEIVED_AT_S, keyset=1)
    assert sorted(there.stored) == [(1, number) for number in range(1, 6)]


def test_with_nothing_to_send_nobody_is_bothered() -> None:
    there = collector()
    there.weather = ["unreachable"]
    assert visit(MemorySpool(1), there) == Delivered(0, 0, more=False, received_at_s=0, keyset=0)
    assert there.weather == ["unreachable"]


@pytest.mark.parametrize(
    "weather", ["unreachable", "busy", "cut before storing", "cut after storing", "half stored", "doubled"]
)
def test_whatever_the_weather_everything_arrives_once_and_in_order(weather: str) -> None:
    spool, there = spool_of(7), collector()
    there.weather = [weather, weather, "fair", weather]
    visits = [visit(spool, there, limit=4) for _ in range(8)]
    assert sequences(spool) == []
    assert sorted(there.stored) == [(1, number) for number in range(1, 8)]
    assert sum(one.dropped for one in visits if isinstance(one, Delivered)) == 7


def test_a_receipt_signed_by_a_stranger_drops_nothing() -> None:
    spool, there = spool_of(2), collector()
    there.signer = "stranger"
    assert visit(spool, there) == Failure(FailureKind.BROKEN_ANSWER)
    assert sequences(spool) == [1, 2]


class Liar:
    """A collector with the right key that gives receipts for something else."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.offered: list[bytes] = []

    def send(self, envelopes: Sequence[bytes]) -> Outcome:
        self.offered += envelopes
        return self.answer


def test_a_receipt_for_another_device_epoch_or_digest_drops_nothing() -> None:
    spool = spool_of(1)
    (only,) = spool.unsent(1)
    wrong = [
        Receipt("counter-8", 1, 1, only.digest, 5),
        Receipt("counter-7", 2, 1, only.digest, 5),
        Receipt("counter-7", 1, 2, only.digest, 5),
        Receipt("counter-7", 1, 1, bytes(32), 5),
    ]
    liar = Liar(Answer(tuple(sign_receipt(one, signing_key("collector")) for one in wrong), ()))
    assert upload_once(spool, liar, "counter-7", COLLECTORS) == Failure(FailureKind.BROKEN_ANSWER)
    assert sequences(spool) == [1]


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_DEVICE, Reason.QUARANTINED, Reason.RETRY_LATER])
def test_what_may_be_taken_tomorrow_is_offered_again(reason: Reason) -> None:
    spool, there = spool_of(2), collector()
    there.refuse = {1: reason, 2: reason}
    assert visit(spool, there) == Failure(FailureKind.REJECTED)
    there.refuse = {}
    visit(spool, there)
    assert sequences(spool) == []


def test_what_is_never_taken_is_kept_aside_and_the_rest_goes_on() -> None:
    spool, there = spool_of(3), collector()
    there.refuse = {2: Reason.FORK}
    assert visit(spool, there) == Delivered(2, 1, more=False, received_at_s=RECEIVED_AT_S, keyset=1)
    assert sequences(spool) == []


def test_a_refusal_of_something_not_offered_or_receipted_too_is_ignored() -> None:
    spool, there = spool_of(1), collector()
    honest = there.send([spool.unsent(1)[0].raw])
    assert isinstance(honest, Answer)
    liar = Liar(Answer(honest.receipts, (Refusal(0, Reason.FORK), Refusal(63, Reason.FORK))))
    assert upload_once(spool, liar, "counter-7", COLLECTORS) == Delivered(
        1, 0, more=False, received_at_s=RECEIVED_AT_S, keyset=0
    )
