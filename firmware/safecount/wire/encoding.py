"""Deterministic CBOR (RFC 8949, section 4.2.1), the one encoding of everything that travels.

Of CBOR only these are used: integers, byte strings, text strings, arrays, maps with small unsigned keys, true, false
and null. No tags, no floats, no indefinite lengths. What is read is compared with its own re-encoding, so each value
has exactly one form on the wire. Size is checked before anything is parsed.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NoReturn, TypeAlias, TypeVar

import cbor2

from safecount.wire.errors import Reason, UntrustedInput

Item: TypeAlias = "int | bytes | str | bool | list[Item] | dict[int, Item] | None"
Fields: TypeAlias = dict[int, "Item"]

Choice = TypeVar("Choice", bound=IntEnum)

MAX_DEPTH = 6
_UINT64_MAX = 2**64 - 1


class _RefusedTags(Mapping[int, NoReturn]):
    """Stands in place of cbor2's decoders of tags, some of which do work (regular expressions) that a stranger
    chooses.
    """

    def __getitem__(self, tag: int) -> NoReturn:
        raise UntrustedInput(Reason.MALFORMED, f"The bytes hold CBOR tag {tag}, which no format here has.")

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


_REFUSED_TAGS = _RefusedTags()


def encode(item: Item) -> bytes:
    """The deterministic encoding of `item`."""
    return cbor2.dumps(item, canonical=True)


def decode(untrusted: bytes, limit: int) -> Item:
    """The value of exactly one canonical CBOR item of at most `limit` bytes.

    Raises:
        UntrustedInput: TOO_LARGE, or MALFORMED for anything that `encode` would not have written.
    """
    if len(untrusted) > limit:
        raise UntrustedInput(
            Reason.TOO_LARGE, f"The message has {len(untrusted)} bytes where at most {limit} are taken."
        )
    try:
        item: Item = cbor2.loads(untrusted, max_depth=MAX_DEPTH, semantic_decoders=_REFUSED_TAGS)
        _check_types(item)
        canonical = encode(item)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise UntrustedInput(Reason.MALFORMED, "The bytes are not the CBOR that this format uses.") from error
    if canonical != untrusted:
        raise UntrustedInput(Reason.MALFORMED, "The CBOR is not in its deterministic form (RFC 8949, section 4.2.1).")
    return item


def _check_types(item: object) -> None:
    match item:
        case bool() | int() | bytes() | str() | None:
            return
        case list():
            for value in item:
                _check_types(value)
        case dict():
            for key, value in item.items():
                if type(key) is not int or key < 0:
                    raise TypeError("a map key is not an unsigned integer")
                _check_types(value)
        case _:
            raise TypeError("a type that no format here has")


def as_fields(item: Item, required: frozenset[int], optional: frozenset[int] = frozenset()) -> Fields:
    """`item` as a map that has all of `required`, perhaps some of `optional`, and nothing else.

    Raises:
        UntrustedInput: BAD_FIELD.
    """
    if not isinstance(item, dict) or not required <= item.keys() <= required | optional:
        raise UntrustedInput(Reason.BAD_FIELD, f"The map must have the keys {sorted(required)} and no unknown ones.")
    return item


def as_uint(item: Item, maximum: int = _UINT64_MAX) -> int:
    """`item` as an integer from 0 to `maximum`; BAD_FIELD otherwise."""
    return as_int(item, 0, maximum)


def as_int(item: Item, minimum: int, maximum: int) -> int:
    """`item` as an integer from `minimum` to `maximum`; BAD_FIELD otherwise."""
    if isinstance(item, bool) or not isinstance(item, int) or not minimum <= item <= maximum:
        raise UntrustedInput(Reason.BAD_FIELD, f"A field must be an integer from {minimum} to {maximum}.")
    return item


def as_bool(item: Item) -> bool:
    """`item` as true or false; BAD_FIELD otherwise."""
    if not isinstance(item, bool):
        raise UntrustedInput(Reason.BAD_FIELD, "A field must be true or false.")
    return item


def as_bytes(item: Item, minimum: int, maximum: int) -> bytes:
    """`item` as a byte string of `minimum` to `maximum` bytes; BAD_FIELD otherwise."""
    if not isinstance(item, bytes) or not minimum <= len(item) <= maximum:
        raise UntrustedInput(Reason.BAD_FIELD, f"A field must be a byte string of {minimum} to {maximum} bytes.")
    return item


def as_text(item: Item, maximum: int) -> str:
    """`item` as a text of 1 to `maximum` UTF-8 bytes; BAD_FIELD otherwise."""
    if not isinstance(item, str) or not 1 <= len(item.encode()) <= maximum:
        raise UntrustedInput(Reason.BAD_FIELD, f"A field must be a text of 1 to {maximum} bytes.")
    return item


def as_enum(item: Item, kind: type[Choice]) -> Choice:
    """`item` as a member of `kind`; BAD_FIELD otherwise."""
    number = as_uint(item)
    try:
        return kind(number)
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"{number} is no {kind.__name__}.") from error


def as_list(item: Item, minimum: int, maximum: int) -> list[Item]:
    """`item` as an array of `minimum` to `maximum` items; BAD_FIELD otherwise."""
    if not isinstance(item, list) or not minimum <= len(item) <= maximum:
        raise UntrustedInput(Reason.BAD_FIELD, f"A field must be an array of {minimum} to {maximum} items.")
    return item
