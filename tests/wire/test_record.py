from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.encoding import Fields, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.record import (
    BODY_BYTES,
    MAX_RECORD_BYTES,
    decode_count,
    decode_health,
    encode_count,
    encode_health,
    pad_body,
    unpad_body,
)
from safecount.wire.values import (
    ALL_TROUBLES,
    COUNT_LIMIT,
    DAY_MAX_S,
    REASON_MAX,
    TEXT_MAX_BYTES,
    UTC_MAX_S,
    Accelerator,
    CameraState,
    ClockQuality,
    CountRecord,
    HealthRecord,
    Node,
    Profile,
    State,
    Trouble,
    UpdateState,
    node_epsilon,
)
from simulators.records import HEALTH_RECORD, HOUR_RECORD

texts = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=TEXT_MAX_BYTES
).filter(lambda text: len(text.encode()) <= TEXT_MAX_BYTES and text.isprintable())
counts = st.integers(-COUNT_LIMIT, COUNT_LIMIT)


@st.composite
def count_records(draw: st.DrawFn) -> CountRecord:
    node, state, exits = draw(st.sampled_from(Node)), draw(st.sampled_from(State)), draw(st.booleans())
    released = state is State.RELEASED
    longest = 3600 if node is Node.HOUR else DAY_MAX_S
    return CountRecord(
        site=draw(texts),
        door=draw(texts),
        node=node,
        state=state,
        start_s=draw(st.integers(0, UTC_MAX_S)),
        length_s=draw(st.integers(1, longest)),
        day=draw(st.dates()),
        zone=draw(texts),
        entered=draw(counts) if released else None,
        exited=draw(counts) if released and exits else None,
        exits=exits,
        profile=draw(st.sampled_from(Profile)),
        coverage_s=draw(st.integers(0, longest // 300)) * 300 if released else 0,
        accelerator=draw(st.sampled_from(Accelerator)),
        clock=draw(st.sampled_from(ClockQuality)),
        rule=draw(texts),
        boot=draw(st.binary(min_size=16, max_size=16)),
        closed_monotonic_s=draw(st.integers(0, UTC_MAX_S)),
    )


health_records = st.builds(
    HealthRecord,
    at_s=st.integers(0, 10**6).map(lambda hours: hours * 3600),
    version=texts,
    slot=st.sampled_from(["A", "B", "-"]),
    temperature_c=st.none() | st.integers(-5, 15).map(lambda tens: tens * 10),
    disk_free_percent=st.integers(0, 20).map(lambda steps: steps * 5),
    camera=st.sampled_from(CameraState),
    accelerator=st.sampled_from(Accelerator),
    clock=st.sampled_from(ClockQuality),
    dropped=st.integers(0, COUNT_LIMIT),
    keyset=st.integers(0, COUNT_LIMIT),
    boot=st.binary(min_size=16, max_size=16),
    troubles=st.integers(0, ALL_TROUBLES).map(Trouble),
    update=st.sampled_from(UpdateState),
    update_reason=st.integers(0, REASON_MAX),
)


@given(count_records())
def test_a_count_record_is_read_back_and_always_fits_its_body(record: CountRecord) -> None:
    body = pad_body(encode_count(record))
    assert len(body) == BODY_BYTES
    assert decode_count(unpad_body(body)) == record


@given(health_records)
def test_a_health_record_is_read_back_and_always_fits_its_body(record: HealthRecord) -> None:
    body = pad_body(encode_health(record))
    assert len(body) == BODY_BYTES
    assert decode_health(unpad_body(body)) == record


@given(st.binary(max_size=80))
def test_other_bytes_are_refused_with_a_reason(untrusted: bytes) -> None:
    for parse in (decode_count, decode_health, unpad_body):
        with pytest.raises(UntrustedInput):
            parse(untrusted)


@given(
    count_records(), st.integers(1, 19), st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.text(max_size=70)
)
def test_a_record_with_one_field_changed_is_valid_or_refused(
    record: CountRecord, key: int, value: str | int | None
) -> None:
    fields: Fields = decode(encode_count(record), MAX_RECORD_BYTES)  # type: ignore[assignment] # what was encoded is a map
    fields[key] = value
    try:
        changed = decode_count(encode(fields))
    except UntrustedInput:
        return
    assert encode_count(changed) == encode(fields)


@pytest.mark.parametrize(
    "change",
    [
        {"coverage_s": 1234},
        {"coverage_s": 3900},
        {"state": State.LOST},
        {"state": State.LOST, "entered": None},
        {"entered": None},
        {"exits": True},
        {"exited": 3},
        {"length_s": 3601},
        {"door": "north\n"},
        {"door": ""},
        {"site": "ä" * 33},
        {"boot": b"short"},
        {"entered": COUNT_LIMIT + 1},
        {"start_s": -1},
    ],
)
def test_a_count_record_that_makes_no_sense_cannot_exist(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a record cannot hold"):
        replace(HOUR_RECORD, **change)  # type: ignore[arg-type] # each change is checked at run time


@pytest.mark.parametrize(
    "change",
    [
        {"at_s": 1},
        {"temperature_c": 43},
        {"disk_free_percent": 61},
        {"slot": "C"},
        {"dropped": -1},
        {"troubles": 1024},
        {"update_reason": 256},
    ],
)
def test_a_health_record_finer_than_its_steps_cannot_exist(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a record cannot hold"):
        replace(HEALTH_RECORD, **change)  # type: ignore[arg-type] # each change is checked at run time


def test_a_date_has_one_way_to_be_written() -> None:
    fields: Fields = decode(encode_count(HOUR_RECORD), MAX_RECORD_BYTES)  # type: ignore[assignment] # a map
    assert fields[8] == date(2026, 6, 10).isoformat()
    for other in ("20260610", "2026-W24-3", "2026-6-10", "2026-13-01"):
        with pytest.raises(UntrustedInput) as caught:
            decode_count(encode(fields | {8: other}))
        assert caught.value.reason is Reason.BAD_FIELD


@pytest.mark.parametrize("where", [0, 1, 2, BODY_BYTES - 1])
def test_a_body_with_anything_but_zeros_behind_its_record_is_refused(where: int) -> None:
    body = bytearray(pad_body(b""))
    body[where] = 1 if where else 0xFF
    if where == 1:  # a length of one with a zero record is another valid body
        assert unpad_body(bytes(body)) == b"\0"
        return
    with pytest.raises(UntrustedInput):
        unpad_body(bytes(body))


def test_the_shares_of_a_visit_add_up_to_its_profile() -> None:
    for profile, whole in {Profile.STRICT: 0.25, Profile.STANDARD: 0.5, Profile.ACCURATE: 1.0}.items():
        hour, day = (node_epsilon(profile, node, exits=False) for node in Node)
        assert hour + day == whole
        halves = [node_epsilon(profile, node, exits=True) for node in Node]
        assert 2 * sum(halves) == whole
