import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.encoding import encode
from safecount.wire.errors import UntrustedInput
from safecount.wire.local import (
    MAX_LEDGER_ROWS,
    MAX_MESSAGE_BYTES,
    WatchStatus,
    Welcome,
    decode_message,
    decode_welcome,
    encode_message,
    encode_welcome,
)
from safecount.wire.record import encode_count
from safecount.wire.values import Accelerator, BinOpened, CameraState, LedgerRow, Node, Trouble
from simulators.records import HOUR_RECORD

OPENED = BinOpened("north", Node.DAY, 1000, 1000 + 23 * 3600)


STATUS = WatchStatus(CameraState.FAILING, Accelerator.EDGE_TPU, Trouble.CAMERA_HUNG | Trouble.MODEL_FAILED)


@pytest.mark.parametrize("message", [OPENED, HOUR_RECORD, STATUS])
def test_each_kind_of_message_is_read_back(message: BinOpened) -> None:
    assert decode_message(encode_message(message)) == message
    assert len(encode_message(message)) <= MAX_MESSAGE_BYTES


@pytest.mark.parametrize(
    "item",
    [
        [],
        [1],
        [4, 1],
        [True, 1, 1],
        [1, "north", 2, 1000, 1000],
        [1, "north", 1, 1000, 1000 + 3601],
        [1, "north", 3, 1000, 2000],
        [1, "nor\nth", 1, 1000, 2000],
        [1, "north", 1, 1000, 2**41],
        [2, b""],
        [2, "text"],
        [2, encode_count(HOUR_RECORD), 0],
        [3, 1, 1],
        [3, 9, 1, 0],
        [3, 1, 1, 16],
        [3, 1, 1, 1024],
        {1: 1},
    ],
)
def test_nothing_else_crosses(item: list[object]) -> None:
    with pytest.raises(UntrustedInput):
        decode_message(encode(item))  # type: ignore[arg-type] # any value that CBOR has


@given(st.binary(max_size=100))
def test_other_bytes_are_refused(untrusted: bytes) -> None:
    with pytest.raises(UntrustedInput):
        decode_message(untrusted)


def test_a_full_ledger_is_read_back_and_an_overfull_one_refused() -> None:
    rows = tuple(
        LedgerRow("d" * 64, Node.HOUR, number * 3600, number * 3600 + 3600, number % 2 == 0) for number in range(4096)
    )
    assert decode_welcome(encode_welcome(Welcome(rows, 2**40))) == Welcome(rows, 2**40)
    assert len(rows) == MAX_LEDGER_ROWS
    with pytest.raises(UntrustedInput):
        decode_welcome(encode_welcome(Welcome((*rows, rows[0]), 0)))
