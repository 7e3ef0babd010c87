"""CountRecord and HealthRecord as bytes, and the fixed size that hides how long a count is.

Pure: bytes in, a valid value or UntrustedInput out.
"""

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from safecount.wire.encoding import (
    Item,
    as_bool,
    as_bytes,
    as_enum,
    as_fields,
    as_int,
    as_text,
    as_uint,
    decode,
    encode,
)
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import (
    ALL_TROUBLES,
    COUNT_LIMIT,
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
)

RECORD_VERSION = 1
BODY_BYTES = 704
"""What is sealed for a recipient always has this size: two of it, with their X-Wing parts, fit one 4 KiB envelope."""
MAX_RECORD_BYTES = BODY_BYTES - 2

_Value = TypeVar("_Value")
_COUNT_KEYS = frozenset(range(1, 20))
_HEALTH_KEYS = frozenset(range(1, 16))


def encode_count(record: CountRecord) -> bytes:
    """The record as a CBOR map (docs/formats.md, "CountRecord")."""
    return encode(
        {
            1: RECORD_VERSION,
            2: record.site,
            3: record.door,
            4: int(record.node),
            5: int(record.state),
            6: record.start_s,
            7: record.length_s,
            8: record.day.isoformat(),
            9: record.zone,
            10: record.entered,
            11: record.exited,
            12: record.exits,
            13: int(record.profile),
            14: record.coverage_s,
            15: int(record.accelerator),
            16: int(record.clock),
            17: record.rule,
            18: record.boot,
            19: record.closed_monotonic_s,
        }
    )


def decode_count(untrusted: bytes) -> CountRecord:
    """The value of an encoded CountRecord; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_RECORD_BYTES), _COUNT_KEYS)
    _check_version(fields[1])
    return _valid(
        lambda: CountRecord(
            site=as_text(fields[2], TEXT_MAX_BYTES),
            door=as_text(fields[3], TEXT_MAX_BYTES),
            node=as_enum(fields[4], Node),
            state=as_enum(fields[5], State),
            start_s=as_uint(fields[6], UTC_MAX_S),
            length_s=as_uint(fields[7]),
            day=_as_date(fields[8]),
            zone=as_text(fields[9], TEXT_MAX_BYTES),
            entered=_as_count(fields[10]),
            exited=_as_count(fields[11]),
            exits=as_bool(fields[12]),
            profile=as_enum(fields[13], Profile),
            coverage_s=as_uint(fields[14]),
            accelerator=as_enum(fields[15], Accelerator),
            clock=as_enum(fields[16], ClockQuality),
            rule=as_text(fields[17], TEXT_MAX_BYTES),
            boot=as_bytes(fields[18], 16, 16),
            closed_monotonic_s=as_uint(fields[19], UTC_MAX_S),
        )
    )


def encode_health(record: HealthRecord) -> bytes:
    """The record as a CBOR map (docs/formats.md, "HealthRecord")."""
    return encode(
        {
            1: RECORD_VERSION,
            2: record.at_s,
            3: record.version,
            4: record.slot,
            5: record.temperature_c,
            6: record.disk_free_percent,
            7: int(record.camera),
            8: int(record.accelerator),
            9: int(record.clock),
            10: record.dropped,
            11: record.keyset,
            12: record.boot,
            13: int(record.troubles),
            14: int(record.update),
            15: record.update_reason,
        }
    )


def decode_health(untrusted: bytes) -> HealthRecord:
    """The value of an encoded HealthRecord; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_RECORD_BYTES), _HEALTH_KEYS)
    _check_version(fields[1])
    return _valid(
        lambda: HealthRecord(
            at_s=as_uint(fields[2], UTC_MAX_S),
            version=as_text(fields[3], TEXT_MAX_BYTES),
            slot=as_text(fields[4], 1),
            temperature_c=None if fields[5] is None else as_int(fields[5], -50, 150),
            disk_free_percent=as_uint(fields[6], 100),
            camera=as_enum(fields[7], CameraState),
            accelerator=as_enum(fields[8], Accelerator),
            clock=as_enum(fields[9], ClockQuality),
            dropped=as_uint(fields[10], COUNT_LIMIT),
            keyset=as_uint(fields[11], COUNT_LIMIT),
            boot=as_bytes(fields[12], 16, 16),
            troubles=Trouble(as_uint(fields[13], ALL_TROUBLES)),
            update=as_enum(fields[14], UpdateState),
            update_reason=as_uint(fields[15], REASON_MAX),
        )
    )


def pad_body(record: bytes) -> bytes:
    """`record` behind its length (two bytes, big-endian), filled with zeros to BODY_BYTES."""
    if len(record) > MAX_RECORD_BYTES:
        raise ValueError(f"a record of {len(record)} bytes does not fit a body of {BODY_BYTES}")
    return (len(record).to_bytes(2, "big") + record).ljust(BODY_BYTES, b"\0")


def unpad_body(untrusted: bytes) -> bytes:
    """The record inside a body of BODY_BYTES; UntrustedInput (MALFORMED) if it was not made by `pad_body`."""
    length = int.from_bytes(untrusted[:2], "big")
    record = untrusted[2 : 2 + length]
    if length > MAX_RECORD_BYTES or pad_body(record) != untrusted:
        raise UntrustedInput(Reason.MALFORMED, f"A sealed body must have {BODY_BYTES} bytes and be filled with zeros.")
    return record


def _check_version(item: Item) -> None:
    if as_uint(item) != RECORD_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The record is not of version {RECORD_VERSION}.")


def _as_count(item: Item) -> int | None:
    return None if item is None else as_int(item, -COUNT_LIMIT, COUNT_LIMIT)


def _as_date(item: Item) -> date:
    text = as_text(item, 10)
    day = _valid(lambda: date.fromisoformat(text))
    if day.isoformat() != text:
        raise UntrustedInput(Reason.BAD_FIELD, "A date must be written YYYY-MM-DD.")
    return day


def _valid(make: Callable[[], _Value]) -> _Value:
    try:
        return make()
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The record's fields do not fit together: {error}.") from error
