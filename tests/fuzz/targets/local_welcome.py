"""decode_welcome: what the counting process takes from the seal process."""

from safecount.wire.local import Welcome, decode_welcome, encode_welcome
from safecount.wire.values import LedgerRow, Node

SEEDS = [encode_welcome(Welcome((LedgerRow("north", Node.DAY, 0, 86_400, open=True),), 1_781_082_000))]


def one_input(data: bytes) -> None:
    assert encode_welcome(decode_welcome(data)) == data
