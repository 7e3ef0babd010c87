"""decode_message: what the seal process takes from the counting process."""

from datetime import UTC, datetime

from safecount.wire.local import WatchStatus, decode_message, encode_message
from safecount.wire.values import Accelerator, BinOpened, CameraState, Node, Trouble
from simulators.records import HOUR_RECORD

START_S = int(datetime(2026, 6, 10, 9, tzinfo=UTC).timestamp())
SEEDS = [
    encode_message(HOUR_RECORD),
    encode_message(BinOpened("north", Node.HOUR, START_S, START_S + 3600)),
    encode_message(WatchStatus(CameraState.WORKING, Accelerator.CPU, Trouble.CAMERA_HUNG)),
]


def one_input(data: bytes) -> None:
    assert encode_message(decode_message(data)) == data
