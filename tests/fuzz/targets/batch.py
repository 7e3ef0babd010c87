"""decode_batch: what a device posts."""

from safecount.wire.uplink import decode_batch, encode_batch
from simulators.vectors import vector

SEEDS = [vector("batch_of_two"), encode_batch([b"a"])]


def one_input(data: bytes) -> None:
    assert encode_batch(decode_batch(data)) == data
