from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire import cose
from safecount.wire.encoding import encode
from safecount.wire.envelope import (
    COUNTER_MAX,
    ENVELOPE_BYTES,
    ENVELOPE_TYPE,
    SEALED_BYTES,
    EnvelopeHeader,
    Kind,
    info_for,
    pack_envelope,
    parse_envelope,
    verify_envelope,
)
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.record import BODY_BYTES, encode_health, pad_body
from simulators.keys import signing_key
from simulators.records import HEALTH_RECORD

KEY = signing_key("device")
HEADER = EnvelopeHeader(Kind.COUNT, "counter-7", 1, 5, sha256(b"before").digest(), (b"c" * 16, b"b" * 16))
SEALED = bytes(SEALED_BYTES)
ENVELOPE = pack_envelope(HEADER, [SEALED, SEALED], KEY)


def reason_of(untrusted: bytes) -> Reason:
    with pytest.raises(UntrustedInput) as caught:
        verify_envelope(parse_envelope(untrusted), KEY.public_key())
    return caught.value.reason


@st.composite
def headers(draw: st.DrawFn) -> EnvelopeHeader:
    kind = draw(st.sampled_from(Kind))
    sequence = draw(st.integers(1, COUNTER_MAX))
    readers = draw(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=2, unique=True))
    return EnvelopeHeader(
        kind=kind,
        device=draw(st.text("abcdefghij0123456789-", min_size=1, max_size=32)),
        epoch=draw(st.integers(0, COUNTER_MAX)),
        sequence=sequence,
        previous=bytes(32) if sequence == 1 else draw(st.binary(min_size=32, max_size=32).filter(any)),
        recipients=tuple(readers) if kind is Kind.COUNT else (),
    )


@given(headers())
def test_every_envelope_has_one_size_and_is_read_back(header: EnvelopeHeader) -> None:
    contents = [SEALED] * len(header.recipients) or [bytes(BODY_BYTES)]
    raw = pack_envelope(header, contents, KEY)
    envelope = verify_envelope(parse_envelope(raw), KEY.public_key())
    assert len(raw) == ENVELOPE_BYTES
    assert (envelope.header, list(envelope.contents), envelope.digest) == (header, contents, sha256(raw).digest())


@given(st.integers(0, ENVELOPE_BYTES * 8 - 1))
def test_no_single_bit_can_be_changed(bit: int) -> None:
    changed = bytearray(ENVELOPE)
    changed[bit // 8] ^= 1 << bit % 8
    reason_of(bytes(changed))


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(untrusted: bytes) -> None:
    reason_of(untrusted.ljust(ENVELOPE_BYTES, b"\0"))


def test_another_device_cannot_sign_for_this_one() -> None:
    assert reason_of(pack_envelope(HEADER, [SEALED, SEALED], signing_key("another"))) is Reason.BAD_SIGNATURE


def test_sizes_are_checked_first() -> None:
    assert reason_of(ENVELOPE + b"\0") is Reason.TOO_LARGE
    assert reason_of(ENVELOPE[:-1]) is Reason.MALFORMED


def signed_payload(payload: bytes) -> bytes:
    """Whatever an owner of the device's key might sign, brought to the size of an envelope."""
    return cose.sign1(ENVELOPE_TYPE, payload, KEY)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({1: 2}, Reason.UNSUPPORTED_VERSION),
        ({2: 3}, Reason.BAD_FIELD),
        ({3: 0}, Reason.UNSUPPORTED_SUITE),
        ({3: 2}, Reason.UNSUPPORTED_SUITE),
        ({4: ""}, Reason.BAD_FIELD),
        ({4: "x\ny"}, Reason.BAD_FIELD),
        ({6: 0}, Reason.BAD_FIELD),
        ({6: 1}, Reason.BAD_FIELD),
        ({7: bytes(32)}, Reason.BAD_FIELD),
        ({8: []}, Reason.BAD_FIELD),
        ({8: [b"c" * 16, b"c" * 16]}, Reason.BAD_FIELD),
        ({9: 1}, Reason.BAD_FIELD),
        ({2: True}, Reason.BAD_FIELD),
    ],
)
def test_a_signed_header_that_makes_no_sense_is_refused(fields: dict[int, object], reason: Reason) -> None:
    header = {1: 1, 2: 1, 3: 1, 4: "counter-7", 5: 1, 6: 5, 7: b"p" * 32, 8: [b"c" * 16, b"b" * 16]} | fields
    overhead = cose.sign1_overhead(ENVELOPE_TYPE)
    unfilled = len(encode([header, [SEALED, SEALED], bytes(100)])) + overhead  # type: ignore[list-item] # any value
    filling = bytes(100 + ENVELOPE_BYTES - unfilled)
    assert reason_of(signed_payload(encode([header, [SEALED, SEALED], filling]))) is reason  # type: ignore[list-item] # any


def test_contents_must_be_one_for_each_recipient_and_of_their_size() -> None:
    for contents in ([SEALED], [SEALED, SEALED + b"\0"], []):
        with pytest.raises(UntrustedInput) as caught:
            parse_envelope(pack_envelope(HEADER, contents, KEY))
        assert caught.value.reason is Reason.BAD_FIELD


def test_the_filling_carries_nothing() -> None:
    claimed = parse_envelope(ENVELOPE)
    payload = claimed.signed.untrusted_payload
    assert payload.endswith(bytes(100))
    assert reason_of(signed_payload(payload[:-1] + b"\1")) is Reason.BAD_FIELD


def test_a_signed_thing_of_another_kind_is_no_envelope() -> None:
    payload = parse_envelope(ENVELOPE).signed.untrusted_payload
    assert reason_of(cose.sign1("safecount-envelopf", payload, KEY)) is Reason.WRONG_TYPE


def test_what_is_sealed_is_bound_to_every_part_of_the_header() -> None:
    others = [
        replace(HEADER, kind=Kind.HEALTH),
        replace(HEADER, device="counter-8"),
        replace(HEADER, epoch=2),
        replace(HEADER, sequence=6),
        replace(HEADER, previous=bytes(32)),
        replace(HEADER, recipients=HEADER.recipients[:1]),
    ]
    assert len({info_for(header) for header in [HEADER, *others]}) == len(others) + 1


def test_a_health_envelope_is_as_long_as_any_and_needs_no_key_to_read() -> None:
    body = pad_body(encode_health(HEALTH_RECORD))
    header = replace(HEADER, kind=Kind.HEALTH, recipients=())
    raw = pack_envelope(header, [body], KEY)
    assert len(raw) == ENVELOPE_BYTES
    assert verify_envelope(parse_envelope(raw), KEY.public_key()).contents == (body,)


def test_an_envelope_for_three_is_never_made() -> None:
    with pytest.raises(ValueError, match="room for 2"):
        pack_envelope(HEADER, [SEALED] * 3, KEY)
