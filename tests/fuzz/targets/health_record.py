"""decode_health: a record that is taken is encoded to the same bytes."""

from safecount.wire.record import decode_health, encode_health
from simulators.vectors import vector

SEEDS = [vector("health_record")]


def one_input(data: bytes) -> None:
    assert encode_health(decode_health(data)) == data
