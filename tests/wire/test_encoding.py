import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.encoding import Item, decode, encode
from safecount.wire.errors import Reason, UntrustedInput

LEAVES = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20)
ITEMS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=5),
    max_leaves=20,
)


def reason_of(untrusted: bytes, limit: int = 4096) -> Reason:
    with pytest.raises(UntrustedInput) as caught:
        decode(untrusted, limit)
    return caught.value.reason


def depth(item: Item) -> int:
    children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return 1 + max(map(depth, children), default=0) if isinstance(item, list | dict) else 0


@given(ITEMS.filter(lambda item: depth(item) <= 5))
def test_what_was_encoded_is_read_back(item: Item) -> None:
    assert decode(encode(item), 1 << 16) == item


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_with_one_form_or_are_refused(untrusted: bytes) -> None:
    try:
        item = decode(untrusted, 64)
    except UntrustedInput:
        assert reason_of(untrusted) is Reason.MALFORMED
    else:
        assert encode(item) == untrusted


@pytest.mark.parametrize(
    ("what", "hexadecimal"),
    [
        ("bytes after the end", "0000"),
        ("nothing", ""),
        ("a number longer than needed", "1801"),
        ("an array without a length", "9f01ff"),
        ("a map without a length", "bf0101ff"),
        ("a doubled key", "a201010102"),
        ("keys out of order", "a202000100"),
        ("a text as key", "a1616101"),
        ("a negative key", "a12001"),
        ("true as key", "a1f501"),
        ("a float", "f93c00"),
        ("a whole float", "fb3ff0000000000000"),
        ("undefined", "f7"),
        ("a simple value", "e0"),
        ("a tag of a date", "c11a514b67b0"),
        ("a tag of a big number", "c249010000000000000000"),
        ("a tag of a regular expression", "d8236161"),
        ("a tag of a set", "d9010281" + "01"),
        ("a text that is no UTF-8", "61ff"),
        ("an array of more items than there are bytes", "9bffffffffffffffff"),
        ("a byte string longer than the message", "5b0fffffffffffffff"),
        ("a stop without a start", "ff"),
    ],
)
def test_other_forms_are_refused(what: str, hexadecimal: str) -> None:
    assert reason_of(bytes.fromhex(hexadecimal)) is Reason.MALFORMED


def test_deep_nesting_is_refused_before_it_costs_anything() -> None:
    assert reason_of(b"\x81" * 4000 + b"\x00") is Reason.MALFORMED


def test_the_size_is_checked_before_anything_is_parsed() -> None:
    assert reason_of(b"\xff" * 100, limit=99) is Reason.TOO_LARGE


def test_the_maps_we_write_are_in_the_order_of_rfc_8949() -> None:
    assert encode({256: 1, 24: 2, 2: 3, 1: 4}) == bytes.fromhex("a4" + "0104" + "0203" + "181802" + "19010001")
    assert cbor2.loads(encode({1: None})) == {1: None}
