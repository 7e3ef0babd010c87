from hashlib import sha256

import pytest

from safecount.wire.chain import Link, Step, classify, next_link, start_of
from safecount.wire.envelope import EnvelopeHeader, Kind

LAST = Link(epoch=3, sequence=7, digest=sha256(b"seven").digest())


def header(epoch: int, sequence: int, previous: bytes = LAST.digest) -> EnvelopeHeader:
    return EnvelopeHeader(Kind.HEALTH, "d", epoch, sequence, previous, ())


@pytest.mark.parametrize(
    ("claimed", "step"),
    [
        (header(3, 8), Step.NEXT),
        (header(3, 8, b"x" * 32), Step.BROKEN),
        (header(3, 9), Step.GAP),
        (header(3, 7), Step.EARLIER),
        (header(3, 1, bytes(32)), Step.EARLIER),
        (header(4, 1, bytes(32)), Step.NEW_EPOCH),
        (header(4, 2), Step.NEW_EPOCH_GAP),
        (header(2, 8), Step.STEP_BACK),
    ],
)
def test_an_envelope_is_told_by_its_place(claimed: EnvelopeHeader, step: Step) -> None:
    assert classify(LAST, claimed) is step


def test_an_epoch_begins_with_zeros_and_goes_on_with_digests() -> None:
    first = header(1, 1, bytes(32))
    assert classify(start_of(1), first) is Step.NEXT
    link = next_link(first, b"raw")
    assert link == Link(1, 1, sha256(b"raw").digest())
    assert classify(link, header(1, 2, link.digest)) is Step.NEXT
