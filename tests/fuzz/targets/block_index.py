"""parse_index: the index of a bundle of four blocks, as a mirror may give it."""

from safecount.wire.block_index import BLOCK, encode_index, parse_index

LENGTH = 96 + 2 * BLOCK + 10
FORM = "bytes"
SEEDS = [encode_index(96, iter([b"a" * 96, b"b" * BLOCK, b"c" * BLOCK, b"d" * 10]))]


def one_input(data: bytes) -> None:
    index = parse_index(data, LENGTH)
    assert index.span(len(index.hashes) - 1)[1] == LENGTH
