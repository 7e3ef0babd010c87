from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.envelope import Envelope, EnvelopeHeader, Kind
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES, Keyset, Role, sign_keyset, verify_keyset
from safecount.wire.receipt import MAX_RECEIPT_BYTES, Receipt, receipt_for, sign_receipt, verify_receipt
from safecount.wire.uplink import (
    MAX_ANSWER_BYTES,
    MAX_BATCH,
    MAX_BATCH_BYTES,
    Answer,
    Refusal,
    decode_answer,
    decode_batch,
    encode_answer,
    encode_batch,
)
from simulators.keys import keyset, reader, signing_key

COLLECTOR, ROOT = signing_key("collector"), signing_key("root")
RECEIPT = Receipt("counter-7", 1, 5, b"d" * 32, 1_781_082_000)
FIRST, SECOND, BACKUP = reader("first"), reader("second"), reader("backup")


def reason_of(parse: Callable[[], object]) -> Reason:
    with pytest.raises(UntrustedInput) as caught:
        parse()
    return caught.value.reason


def test_a_receipt_names_the_envelope_it_is_for() -> None:
    header = EnvelopeHeader(Kind.HEALTH, "counter-7", 1, 5, b"p" * 32, ())
    envelope = Envelope(header, (), b"raw", b"d" * 32)
    raw = sign_receipt(receipt_for(envelope, 1_781_082_000), COLLECTOR)
    assert verify_receipt(raw, [ROOT.public_key(), COLLECTOR.public_key()]) == RECEIPT


def test_the_longest_receipt_fits() -> None:
    longest = Receipt("d" * 32, 2**40, 2**40, b"d" * 32, 2**40)
    assert len(sign_receipt(longest, COLLECTOR)) <= MAX_RECEIPT_BYTES


def test_a_receipt_of_a_stranger_is_refused() -> None:
    raw = sign_receipt(RECEIPT, signing_key("stranger"))
    assert reason_of(lambda: verify_receipt(raw, [COLLECTOR.public_key()])) is Reason.BAD_SIGNATURE
    assert reason_of(lambda: verify_receipt(raw, [])) is Reason.BAD_SIGNATURE


@given(st.integers(0, 8 * len(sign_receipt(RECEIPT, COLLECTOR)) - 1))
def test_no_bit_of_a_receipt_can_be_changed(bit: int) -> None:
    raw = bytearray(sign_receipt(RECEIPT, COLLECTOR))
    raw[bit // 8] ^= 1 << bit % 8
    reason_of(lambda: verify_receipt(bytes(raw), [COLLECTOR.public_key()]))


def test_a_keyset_is_read_back_and_a_full_one_fits() -> None:
    ring = keyset(FIRST.recipient(Role.CONTROLLER), BACKUP.recipient(Role.BACKUP), serial=9)
    assert verify_keyset(sign_keyset(ring, ROOT), [ROOT.public_key()], newer_than=8) == ring
    full = keyset(*(reader(str(number)).recipient(Role.CONTROLLER) for number in range(8)))
    full = replace(full, collectors=full.collectors * 4)
    assert len(sign_keyset(full, ROOT)) <= MAX_KEYSET_BYTES
    assert verify_keyset(sign_keyset(full, ROOT), [ROOT.public_key()]) == full


@pytest.mark.parametrize("serial", [3, 4])
def test_a_keyset_is_never_replaced_by_one_that_is_not_newer(serial: int) -> None:
    raw = sign_keyset(keyset(FIRST.recipient(Role.CONTROLLER), serial=serial), ROOT)
    assert reason_of(lambda: verify_keyset(raw, [ROOT.public_key()], newer_than=4)) is Reason.STALE


@pytest.mark.parametrize(
    "broken",
    [
        keyset(BACKUP.recipient(Role.BACKUP)),
        keyset(),
        keyset(FIRST.recipient(Role.CONTROLLER), FIRST.recipient(Role.BACKUP)),
        keyset(FIRST.recipient(Role.CONTROLLER, 5, 5)),
        keyset(replace(FIRST.recipient(Role.CONTROLLER), public_key=b"\xff" * 1216)),
        keyset(replace(FIRST.recipient(Role.CONTROLLER), public_key=b"short")),
        Keyset(1, (FIRST.recipient(Role.CONTROLLER),), ()),
    ],
)
def test_a_signed_keyset_that_makes_no_sense_is_refused(broken: Keyset) -> None:
    assert reason_of(lambda: verify_keyset(sign_keyset(broken, ROOT), [ROOT.public_key()])) is Reason.BAD_FIELD


def test_a_keyset_signed_by_the_collector_is_refused() -> None:
    raw = sign_keyset(keyset(FIRST.recipient(Role.CONTROLLER)), COLLECTOR)
    assert reason_of(lambda: verify_keyset(raw, [ROOT.public_key()])) is Reason.BAD_SIGNATURE


def test_keys_change_over_at_their_times_and_a_late_device_still_seals() -> None:
    first, second = FIRST.recipient(Role.CONTROLLER, 100, 200), SECOND.recipient(Role.CONTROLLER, 180, 300)
    backup = BACKUP.recipient(Role.BACKUP, 150, 160)
    ring = keyset(second, backup, first)
    assert ring.readers_at(150) == (first, backup)
    assert ring.readers_at(190) == (second, backup)
    assert ring.readers_at(9999) == (second, backup)
    assert ring.readers_at(0) == (first, backup)
    assert keyset(first).readers_at(150) == (first,)


def test_a_full_batch_and_its_answer_fit_their_limits() -> None:
    batch = [b"e" * 4096] * MAX_BATCH
    assert len(encode_batch(batch)) == MAX_BATCH_BYTES
    assert decode_batch(encode_batch(batch)) == batch
    answer = Answer(
        (b"r" * MAX_RECEIPT_BYTES,) * MAX_BATCH, tuple(Refusal(i, Reason.STALE) for i in range(64)), 2**31 - 1
    )
    assert len(encode_answer(answer)) <= MAX_ANSWER_BYTES
    assert decode_answer(encode_answer(answer)) == answer


def test_an_empty_or_overfull_batch_is_refused() -> None:
    assert reason_of(lambda: decode_batch(encode_batch([]))) is Reason.BAD_FIELD
    assert reason_of(lambda: decode_batch(encode_batch([b"e"] * 65))) is Reason.BAD_FIELD
    assert reason_of(lambda: decode_batch(encode_batch([b"e" * 4097]))) is Reason.BAD_FIELD
    assert reason_of(lambda: decode_batch(b"\0" * (MAX_BATCH_BYTES + 1))) is Reason.TOO_LARGE


@given(st.binary(max_size=64))
def test_other_bytes_are_no_batch_answer_receipt_or_keyset(untrusted: bytes) -> None:
    for parse in (
        lambda: verify_receipt(untrusted, [COLLECTOR.public_key()]),
        lambda: verify_keyset(untrusted, [ROOT.public_key()]),
        lambda: decode_answer(untrusted),
    ):
        reason_of(parse)
