import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.block_index import BLOCK, block_hash, count_blocks, encode_index, parse_index, runs
from safecount.wire.errors import UntrustedInput


def blocks(content: bytes, head: int) -> list[bytes]:
    return [content[:head], *(content[at : at + BLOCK] for at in range(head, len(content), BLOCK))]


@given(st.binary(max_size=50), st.integers(0, 3), st.integers(1, BLOCK))
def test_an_index_names_every_byte_once(seed: bytes, times: int, head: int) -> None:
    content = (seed * BLOCK)[: times * BLOCK + len(seed)]
    index = parse_index(encode_index(head, iter(blocks(content, head))), len(content))
    spans = [index.span(number) for number in range(len(index.hashes))]
    assert b"".join(content[start:end] for start, end in spans) == content
    assert [block_hash(content[start:end]) for start, end in spans] == list(index.hashes)
    assert len(spans) == count_blocks(len(content), head)


@given(st.binary(max_size=100), st.integers(0, 10**6))
def test_what_is_no_index_is_refused(untrusted: bytes, length: int) -> None:
    for data in (untrusted, b"SCBLOCK1" + untrusted):
        with suppress(UntrustedInput):
            index = parse_index(data, length)
            assert len(index.hashes) == count_blocks(length, index.head)


@pytest.mark.parametrize("head", [0, BLOCK + 1])
def test_a_head_that_cannot_be_is_refused(head: int) -> None:
    with pytest.raises(UntrustedInput):
        parse_index(b"SCBLOCK1" + head.to_bytes(4, "big") + bytes(8), 1)


@given(st.sets(st.integers(0, 60)).map(sorted), st.integers(1, 20))
def test_runs_cover_what_is_missing_and_little_more(missing: list[int], nearer_than: int) -> None:
    found = list(runs(missing, nearer_than))
    covered = {number for first, last in found for number in range(first, last + 1)}
    assert set(missing) <= covered
    assert all(first in missing and last in missing for first, last in found)
    assert all(later[0] - earlier[1] > nearer_than for earlier, later in itertools.pairwise(found))
