"""decode_directory and decode_page: what a controller takes from a collector."""

from safecount.errors import SafecountError
from safecount.wire.pull import (
    DeviceChains,
    Directory,
    Page,
    Reach,
    decode_directory,
    decode_page,
    encode_directory,
    encode_page,
)
from simulators.vectors import vector

SEEDS = [
    encode_directory(Directory((DeviceChains("counter-7", bytes(32), (Reach(1, 9), Reach(2, 1))),), more=True)),
    encode_page(Page((vector("count_envelope"),), more=False)),
]


def one_input(data: bytes) -> None:
    try:
        assert encode_directory(decode_directory(data)) == data
    except SafecountError:
        assert encode_page(decode_page(data)) == data
