"""decode_count, with the body around it: a record that is taken is encoded to the same bytes."""

from safecount.wire.record import BODY_BYTES, decode_count, encode_count, pad_body, unpad_body
from simulators.vectors import vector

SEEDS = [vector("count_record"), vector("count_body")]


def one_input(data: bytes) -> None:
    record = unpad_body(data) if len(data) == BODY_BYTES else data
    again = encode_count(decode_count(record))
    assert again == record
    assert unpad_body(pad_body(again)) == again
