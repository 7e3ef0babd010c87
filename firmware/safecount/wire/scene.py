"""What the counting process shows to the set-up page while somebody at the device has opened a session, and what the
page asks of it in return: a drawn silhouette, where people are, who crossed; and the lines to try.

No picture has a form here: a silhouette is one bit a cell, of at most MAX_CELLS a side. Both ends are ours and on one
device, and still nothing is believed. Nothing of it is ever written to a disk or sent over a network but to the page.
"""

from dataclasses import dataclass
from enum import IntEnum

from safecount.wire.code_line import MAX_LINES, PER_MILLE, CodeLine, line_item, parse_line
from safecount.wire.encoding import Item, as_bool, as_bytes, as_enum, as_list, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import TEXT_MAX_BYTES

MAX_CELLS = 64
MAX_PEOPLE_SHOWN = 64
MAX_CROSSINGS_SHOWN = 64
MAX_PATH = 2**31 - 1
MAX_SERIAL = 2**31 - 1
MAX_AGE_MS = 60_000
MAX_SCENE_BYTES = 4096
MAX_WISH_BYTES = 1024
MAX_SIDE_PX = 16_384


class SilhouetteLevel(IntEnum):
    """How much the page is shown, each level a part of the one before (docs/setup-page.md says what each shows)."""

    OUTLINES = 1
    COARSE = 2
    SCENE = 3
    PATHS = 4


@dataclass(frozen=True, slots=True)
class Silhouette:
    """Edges in a grid of `columns` x `rows` cells over the picture: one bit a cell, row by row, the first in the highest
    bit of the first byte.
    """

    columns: int
    rows: int
    bits: bytes

    def __post_init__(self) -> None:
        if not (1 <= self.columns <= MAX_CELLS and 1 <= self.rows <= MAX_CELLS):
            raise ValueError("a silhouette of more cells than there may be")
        if len(self.bits) != (self.columns * self.rows + 7) // 8:
            raise ValueError("a silhouette whose bits do not fill its cells")


@dataclass(frozen=True, slots=True)
class SeenPerson:
    """Where somebody is now, in thousandths of the picture: left, top, width and height of the box. `path` is the same
    number from frame to frame, and begins at 1 with each session.
    """

    path: int
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SeenCrossing:
    """Somebody crossed a line of the wish `serial` (the number of the line in it, from 0), so long ago."""

    serial: int
    line: int
    inward: bool
    age_ms: int


@dataclass(frozen=True, slots=True)
class Scene:
    """One look at the door. `picture` is its (width, height) in pixels; `silhouette` is None where none may be drawn;
    `rule` names the way of counting and the model.
    """

    rule: str
    level: SilhouetteLevel
    picture: tuple[int, int]
    silhouette: Silhouette | None
    people: tuple[SeenPerson, ...] = ()
    crossings: tuple[SeenCrossing, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page would like: lines to try, and a level of at least this privacy. A new `serial` for other lines."""

    serial: int
    level: SilhouetteLevel
    lines: tuple[CodeLine, ...]


def encode_scene(scene: Scene) -> bytes:
    """An array: rule, level, width, height, silhouette or null, people, crossings."""
    drawn = scene.silhouette
    people: list[Item] = [[one.path, one.left, one.top, one.width, one.height] for one in scene.people]
    crossings: list[Item] = [[one.serial, one.line, one.inward, one.age_ms] for one in scene.crossings]
    silhouette: Item = None if drawn is None else [drawn.columns, drawn.rows, drawn.bits]
    return encode([scene.rule, int(scene.level), *scene.picture, silhouette, people, crossings])


def decode_scene(untrusted: bytes) -> Scene:
    """The value of a scene; UntrustedInput otherwise."""
    rule, level, width, height, silhouette, people, crossings = as_list(decode(untrusted, MAX_SCENE_BYTES), 7, 7)
    return Scene(
        rule=as_text(rule, TEXT_MAX_BYTES),
        level=as_enum(level, SilhouetteLevel),
        picture=(_side(width), _side(height)),
        silhouette=None if silhouette is None else _parse_silhouette(silhouette),
        people=tuple(_parse_person(item) for item in as_list(people, 0, MAX_PEOPLE_SHOWN)),
        crossings=tuple(_parse_crossing(item) for item in as_list(crossings, 0, MAX_CROSSINGS_SHOWN)),
    )


def encode_wish(wish: Wish) -> bytes:
    """An array: serial, level, lines."""
    return encode([wish.serial, int(wish.level), [line_item(line) for line in wish.lines]])


def decode_wish(untrusted: bytes) -> Wish:
    """The value of a wish; UntrustedInput otherwise."""
    serial, level, lines = as_list(decode(untrusted, MAX_WISH_BYTES), 3, 3)
    return Wish(
        as_uint(serial, MAX_SERIAL),
        as_enum(level, SilhouetteLevel),
        tuple(parse_line(item) for item in as_list(lines, 0, MAX_LINES)),
    )


def _side(item: Item) -> int:
    side = as_uint(item, MAX_SIDE_PX)
    if not side:
        raise UntrustedInput(Reason.BAD_FIELD, "A picture has no size.")
    return side


def _parse_silhouette(item: Item) -> Silhouette:
    columns, rows, bits = as_list(item, 3, 3)
    try:
        return Silhouette(
            as_uint(columns, MAX_CELLS), as_uint(rows, MAX_CELLS), as_bytes(bits, 1, MAX_CELLS * MAX_CELLS // 8)
        )
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The scene holds {error}.") from error


def _parse_person(item: Item) -> SeenPerson:
    path, *box = as_list(item, 5, 5)
    left, top, width, height = (as_uint(value, PER_MILLE) for value in box)
    return SeenPerson(as_uint(path, MAX_PATH), left, top, width, height)


def _parse_crossing(item: Item) -> SeenCrossing:
    serial, line, inward, age_ms = as_list(item, 4, 4)
    return SeenCrossing(
        as_uint(serial, MAX_SERIAL), as_uint(line, MAX_LINES - 1), as_bool(inward), as_uint(age_ms, MAX_AGE_MS)
    )
