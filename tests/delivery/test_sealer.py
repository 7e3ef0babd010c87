from dataclasses import replace

import cryptography.exceptions
import pytest

from safecount.delivery.sealer import Sealer
from safecount.wire.chain import Link, Step, classify, start_of
from safecount.wire.envelope import ENVELOPE_BYTES, Envelope, Kind, parse_envelope, verify_envelope
from safecount.wire.keyset import Role
from safecount.wire.record import decode_count, decode_health, unpad_body
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD

CONTROLLER, BACKUP, DEVICE_KEY = reader("controller"), reader("backup"), signing_key("device")
BOTH = Sealer("counter-7", DEVICE_KEY, keyset(CONTROLLER.recipient(Role.CONTROLLER), BACKUP.recipient(Role.BACKUP)))
NOW_S = HOUR_RECORD.start_s


def opened(raw: bytes) -> Envelope:
    return verify_envelope(parse_envelope(raw), DEVICE_KEY.public_key())


def test_each_reader_opens_the_same_record_and_nobody_else_does() -> None:
    envelope = opened(BOTH.seal_count(HOUR_RECORD, start_of(1), NOW_S).raw)
    for_controller, for_backup = envelope.contents
    assert decode_count(CONTROLLER.open_sealed(envelope.header, for_controller)) == HOUR_RECORD
    assert decode_count(BACKUP.open_sealed(envelope.header, for_backup)) == HOUR_RECORD
    with pytest.raises(cryptography.exceptions.InvalidTag):
        BACKUP.open_sealed(envelope.header, for_controller)


def test_one_reader_is_enough() -> None:
    alone = Sealer("counter-7", DEVICE_KEY, keyset(CONTROLLER.recipient(Role.CONTROLLER)))
    envelope = opened(alone.seal_count(HOUR_RECORD, start_of(1), NOW_S).raw)
    assert envelope.header.recipients == (CONTROLLER.recipient(Role.CONTROLLER).key_id,)
    assert decode_count(CONTROLLER.open_sealed(envelope.header, envelope.contents[0])) == HOUR_RECORD


def test_what_was_sealed_cannot_be_moved_to_another_place_in_the_chain() -> None:
    envelope = opened(BOTH.seal_count(HOUR_RECORD, start_of(1), NOW_S).raw)
    with pytest.raises(cryptography.exceptions.InvalidTag):
        CONTROLLER.open_sealed(replace(envelope.header, epoch=2), envelope.contents[0])


def test_each_envelope_follows_the_one_before() -> None:
    last = start_of(4)
    for number in range(1, 6):
        sealed = BOTH.seal_health(HEALTH_RECORD, last) if number == 3 else BOTH.seal_count(HOUR_RECORD, last, NOW_S)
        header = opened(sealed.raw).header
        assert (header.epoch, header.sequence, classify(last, header)) == (4, number, Step.NEXT)
        last = sealed.link


def test_a_health_record_is_signed_and_can_be_read_without_a_key() -> None:
    envelope = opened(BOTH.seal_health(HEALTH_RECORD, Link(1, 9, b"d" * 32)).raw)
    assert envelope.header.kind is Kind.HEALTH
    assert decode_health(unpad_body(envelope.contents[0])) == HEALTH_RECORD


def test_the_size_tells_nothing_about_the_count() -> None:
    quiet, busy = replace(HOUR_RECORD, entered=0), replace(HOUR_RECORD, entered=2_000_000)
    sizes = {len(BOTH.seal_count(record, start_of(1), NOW_S).raw) for record in (quiet, busy)}
    assert sizes == {ENVELOPE_BYTES}


def test_the_readers_are_those_of_the_record_s_time() -> None:
    old, new = reader("old").recipient(Role.CONTROLLER, 0, 100), reader("new").recipient(Role.CONTROLLER, 100, 200)
    sealer = Sealer("counter-7", DEVICE_KEY, keyset(old, new, serial=5))
    readers = [opened(sealer.seal_count(HOUR_RECORD, start_of(1), at).raw).header.recipients for at in (99, 100)]
    assert readers == [(old.key_id,), (new.key_id,)]
    assert sealer.keyset_serial == 5
