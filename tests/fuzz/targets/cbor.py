"""encoding.decode: what is taken has one form, the one that we write."""

from safecount.wire.encoding import decode, encode
from simulators.vectors import vector

SEEDS = [vector(name) for name in ("count_record", "health_record", "answer")] + [
    bytes.fromhex("a10102"), bytes.fromhex("8301f6f5"), bytes.fromhex("1bffffffffffffffff"),
]  # fmt: skip


def one_input(data: bytes) -> None:
    assert encode(decode(data, 4096)) == data
