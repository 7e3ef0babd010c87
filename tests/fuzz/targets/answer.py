"""decode_answer: what a collector says, as the device reads it."""

from safecount.wire.uplink import decode_answer, encode_answer
from simulators.vectors import vector

SEEDS = [vector("answer")]


def one_input(data: bytes) -> None:
    assert encode_answer(decode_answer(data)) == data
