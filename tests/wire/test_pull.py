from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.encoding import encode
from safecount.wire.envelope import COUNTER_MAX
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.pull import (
    MAX_DIRECTORY,
    MAX_DIRECTORY_BYTES,
    MAX_EPOCHS,
    MAX_PAGE,
    MAX_PAGE_BYTES,
    DeviceChains,
    Directory,
    Page,
    Reach,
    decode_directory,
    decode_page,
    encode_directory,
    encode_page,
)

CHAINS = DeviceChains("counter-7", b"k" * 32, (Reach(1, 9), Reach(5, 7, 3, 2)))
DIRECTORY = Directory((CHAINS, replace(CHAINS, key=b"l" * 32, chains=())), more=True)
PAGE = Page((b"e" * 4096, b"f" * 4096), more=False)


def reason_of(parse: Callable[[], object]) -> Reason:
    with pytest.raises(UntrustedInput) as caught:
        parse()
    return caught.value.reason


def test_a_directory_and_a_page_are_read_back() -> None:
    assert decode_directory(encode_directory(DIRECTORY)) == DIRECTORY
    assert decode_page(encode_page(PAGE)) == PAGE


def test_the_fullest_directory_and_page_fit_their_limits() -> None:
    chains = tuple(Reach(COUNTER_MAX - MAX_EPOCHS + number, *[COUNTER_MAX] * 3) for number in range(MAX_EPOCHS))
    fullest = Directory((DeviceChains("d" * 32, b"k" * 32, chains),) * MAX_DIRECTORY, more=True)
    assert len(encode_directory(fullest)) <= MAX_DIRECTORY_BYTES
    assert decode_directory(encode_directory(fullest)) == fullest
    page = Page((b"e" * 4096,) * MAX_PAGE, more=True)
    assert len(encode_page(page)) <= MAX_PAGE_BYTES
    assert decode_page(encode_page(page)) == page


@pytest.mark.parametrize(
    "broken",
    [
        replace(CHAINS, device="a\nb"),
        replace(CHAINS, device="d" * 33),
        replace(CHAINS, key=b"k" * 31),
        replace(CHAINS, chains=(Reach(5, 1), Reach(1, 9))),
        replace(CHAINS, chains=(Reach(5, 1), Reach(5, 2))),
        replace(CHAINS, chains=(Reach(COUNTER_MAX + 1, 1),)),
        replace(CHAINS, chains=(Reach(1, 9, 10, 2),)),
        replace(CHAINS, chains=(Reach(1, 9, 3, 4),)),
        replace(CHAINS, chains=(Reach(1, 9, 3, 0),)),
    ],
)
def test_a_directory_that_makes_no_sense_is_refused(broken: DeviceChains) -> None:
    assert reason_of(lambda: decode_directory(encode_directory(Directory((broken,), more=False)))) is Reason.BAD_FIELD


def test_a_page_of_something_that_is_no_envelope_is_refused() -> None:
    assert reason_of(lambda: decode_page(encode_page(Page((b"short",), more=False)))) is Reason.BAD_FIELD
    assert reason_of(lambda: decode_page(encode({1: [b"e" * 4096] * 257, 2: False}))) is Reason.TOO_LARGE
    assert reason_of(lambda: decode_page(encode({1: [], 2: 0}))) is Reason.BAD_FIELD


@given(st.binary(max_size=64))
def test_other_bytes_are_no_directory_and_no_page(untrusted: bytes) -> None:
    reason_of(lambda: decode_directory(untrusted))
    reason_of(lambda: decode_page(untrusted))
