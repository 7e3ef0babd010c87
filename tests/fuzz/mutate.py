"""Changes CBOR as CBOR and TOML as TOML: a fuzzer that only flips bytes spends its time on what no reader takes."""

import copy
from random import Random

import cbor2

from safecount.wire.encoding import Item, encode

INTERESTING: tuple[Item, ...] = (
    0, 1, 2, 3, -1, 23, 24, 255, 256, 2**31 - 1, 2**31, 2**40, 2**40 + 1, 2**63, 2**64 - 1, -(2**64), 2**64,
    b"", bytes(16), bytes(32), bytes(64), "", "a", "a" * 64, "a" * 65, "2026-06-10", "2026-02-30", "\0", "\u202e",
    True, False, None, [], {}, {1: 1}, [[]],
)  # fmt: skip
TOML_VALUES = (
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "1e400",
    '""',
    '"a"',
    "true",
    "[]",
    "[0.5]",
    "[0.1, 0.2]",
    "{}",
    "[{}]",
    "1979-05-27",
    "9" * 25,
)
Place = tuple[list[Item] | dict[int, Item], int]


def changed(form: str, data: bytes, random: Random) -> bytes | None:
    """`data` of the form "cbor" or "toml" with one part of it changed; None where it is not of that form."""
    return changed_toml(data, random) if form == "toml" else changed_cbor(data, random)


def changed_cbor(data: bytes, random: Random) -> bytes | None:
    """`data` with one item replaced, doubled or removed; None where it is no CBOR that we would write."""
    try:
        tree = cbor2.loads(data, max_depth=12)
        places = _places(tree)
        if not places:
            return encode(random.choice(INTERESTING))
        tree = copy.deepcopy(tree)
        holder, key = random.choice(_places(tree))
        _change(holder, key, random)
        return encode(tree)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def changed_toml(data: bytes, random: Random) -> bytes | None:
    """`data` with one line doubled or removed, or with another value; None where it is no text."""
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        return None
    if not lines:
        return None
    at = random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        case _:
            lines[at] = f"{lines[at].partition('=')[0]}= {random.choice(TOML_VALUES)}"
    return "\n".join(lines).encode()


def _places(item: object) -> list[Place]:
    if isinstance(item, list):
        return [place for key, child in enumerate(item) for place in [(item, key), *_places(child)]]
    if isinstance(item, dict):
        return [place for key, child in item.items() for place in [(item, key), *_places(child)]]
    return []


def _change(holder: list[Item] | dict[int, Item], key: int, random: Random) -> None:
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 1:
            holder[random.randrange(32)] = holder[key]
        case 2 if isinstance(holder[key], int):
            holder[key] = int(holder[key] or 0) + random.choice((-1, 1, 2**16))  # type: ignore[arg-type] # an int
        case 3 if isinstance(holder[key], bytes | str):
            text = holder[key]
            cut = random.randrange(len(text) + 1)  # type: ignore[arg-type] # bytes or str
            holder[key] = text[:cut] + text[cut + 1 :]  # type: ignore[index,operator] # bytes or str
        case _:
            holder[key] = random.choice(INTERESTING)
