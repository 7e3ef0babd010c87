"""What crosses the privacy line: the messages of the counting process, and the welcome that it starts from.

Both ends are ours and on one device, and still nothing is believed: whoever takes over the counting process can send no
more than well-formed records. No other kind of message exists.
"""

from dataclasses import dataclass
from typing import TypeAlias

from safecount.wire.encoding import Item, as_bool, as_bytes, as_enum, as_list, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.record import MAX_RECORD_BYTES, decode_count, encode_count
from safecount.wire.values import (
    ALL_TROUBLES,
    COUNTING_TROUBLES,
    TEXT_MAX_BYTES,
    UTC_MAX_S,
    Accelerator,
    BinOpened,
    CameraState,
    CountRecord,
    LedgerRow,
    Node,
    Trouble,
)

MAX_MESSAGE_BYTES = MAX_RECORD_BYTES + 16
MAX_LEDGER_ROWS = 4096
MAX_WELCOME_BYTES = MAX_LEDGER_ROWS * (TEXT_MAX_BYTES + 24) + 18
_OPENED, _COUNT, _STATUS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How the counting process is, for the health record; sent at a fixed rhythm. `troubles` are of COUNTING_TROUBLES."""

    camera: CameraState
    accelerator: Accelerator
    troubles: Trouble

    def __post_init__(self) -> None:
        if self.troubles & ~COUNTING_TROUBLES:
            raise ValueError("a trouble that is not the counting process's to tell")


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the counting process is given when it connects: what is accounted for already, and a time in UTC seconds
    that has certainly passed, below which the clock is not to be believed.
    """

    ledger: tuple[LedgerRow, ...]
    clock_floor_s: int


Message: TypeAlias = BinOpened | CountRecord | WatchStatus


def encode_message(message: Message) -> bytes:
    """One message: an array of its kind and its fields."""
    match message:
        case BinOpened(door, node, start_s, end_s):
            return encode([_OPENED, door, int(node), start_s, end_s])
        case CountRecord():
            return encode([_COUNT, encode_count(message)])
        case WatchStatus(camera, accelerator, troubles):
            return encode([_STATUS, int(camera), int(accelerator), int(troubles)])


def decode_message(untrusted: bytes) -> Message:
    """The value of a message; UntrustedInput otherwise."""
    kind, *fields = as_list(decode(untrusted, MAX_MESSAGE_BYTES), 1, 5)
    try:
        match as_uint(kind), fields:
            case 1, [door, node, start_s, end_s]:
                return BinOpened(as_text(door, TEXT_MAX_BYTES), as_enum(node, Node), _as_time(start_s), _as_time(end_s))
            case 2, [record]:
                return decode_count(as_bytes(record, 1, MAX_RECORD_BYTES))
            case 3, [camera, accelerator, troubles]:
                told = Trouble(as_uint(troubles, ALL_TROUBLES))
                return WatchStatus(as_enum(camera, CameraState), as_enum(accelerator, Accelerator), told)
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The message's fields do not fit together: {error}.") from error
    raise UntrustedInput(Reason.BAD_FIELD, "The message is of no kind that crosses here.")


def encode_welcome(welcome: Welcome) -> bytes:
    """What is accounted for and the clock's floor, for the counting process to start from."""
    rows: list[Item] = [[row.door, int(row.node), row.start_s, row.end_s, row.open] for row in welcome.ledger]
    return encode([welcome.clock_floor_s, rows])


def decode_welcome(untrusted: bytes) -> Welcome:
    """The value of a welcome; UntrustedInput otherwise."""
    floor_s, rows = as_list(decode(untrusted, MAX_WELCOME_BYTES), 2, 2)
    return Welcome(tuple(_parse_row(item) for item in as_list(rows, 0, MAX_LEDGER_ROWS)), _as_time(floor_s))


def _parse_row(item: Item) -> LedgerRow:
    door, node, start_s, end_s, opened = as_list(item, 5, 5)
    return LedgerRow(
        as_text(door, TEXT_MAX_BYTES), as_enum(node, Node), _as_time(start_s), _as_time(end_s), as_bool(opened)
    )


def _as_time(item: Item) -> int:
    return as_uint(item, UTC_MAX_S)
