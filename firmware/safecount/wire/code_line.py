"""A counting line, as site codes, the set-up page and validation certificates name it."""

from dataclasses import dataclass
from enum import IntEnum

from safecount.wire.encoding import Item, as_enum, as_list, as_text, as_uint
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import TEXT_MAX_BYTES

MAX_LINES = 4
PER_MILLE = 1000


class Side(IntEnum):
    """The direction in the picture that counts as in."""

    RIGHT = 1
    LEFT = 2
    DOWN = 3
    UP = 4


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A counting line of a door, from (x1, y1) to (x2, y2) in thousandths of the picture's width and height."""

    door: str
    start: tuple[int, int]
    end: tuple[int, int]
    in_side: Side


def line_item(line: CodeLine) -> Item:
    """A line as an array: door, x1, y1, x2, y2, in side."""
    return [line.door, *line.start, *line.end, int(line.in_side)]


def parse_line(item: Item) -> CodeLine:
    """The line of such an array; UntrustedInput (BAD_FIELD) otherwise."""
    door, x1, y1, x2, y2, side = as_list(item, 6, 6)
    line = CodeLine(
        door=as_text(door, TEXT_MAX_BYTES),
        start=(as_uint(x1, PER_MILLE), as_uint(y1, PER_MILLE)),
        end=(as_uint(x2, PER_MILLE), as_uint(y2, PER_MILLE)),
        in_side=as_enum(side, Side),
    )
    if not line.door.isprintable():
        raise UntrustedInput(Reason.BAD_FIELD, "A line has a name with a character that cannot be printed.")
    if line.start == line.end:
        raise UntrustedInput(Reason.BAD_FIELD, f"The line of {line.door} has no length.")
    return line
