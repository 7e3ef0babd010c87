"""What the page may ask of the device: a closed list of requests, each parsed from the bytes of a stranger.

Size first, then JSON of exactly the fields that a request has. Pure.
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from safecount.errors import SafecountError
from safecount.wire.code_line import MAX_LINES, PER_MILLE, CodeLine, Side
from safecount.wire.scene import MAX_SERIAL, SilhouetteLevel
from safecount.wire.values import TEXT_MAX_BYTES

MAX_BODY_BYTES = 2048
MAX_TYPED_CHARACTERS = 32
MAX_TARGET_CHARACTERS = 128
API = "/api/"


class BadRequest(SafecountError):  # noqa: N818 - it names what came
    """A request that the page never sends; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Somebody has typed a code."""

    code: str


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to see, as soon as there is something after scene `after`."""

    after: int


@dataclass(frozen=True, slots=True)
class Draft:
    """Try these lines."""

    lines: tuple[CodeLine, ...]


@dataclass(frozen=True, slots=True)
class ShowLess:
    """Show at most so much."""

    level: SilhouetteLevel


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody passed this line."""

    line: int
    inward: bool


class Do(Enum):
    """What is asked for without any more words."""

    SAVE = "save"
    START_ROUND = "start-round"
    UNDO_PRESS = "undo-press"
    FINISH_ROUND = "finish-round"
    DROP_ROUND = "drop-round"
    CERTIFY = "certify"
    END = "end"


Request: TypeAlias = Enter | Look | Draft | ShowLess | Press | Do


def parse_request(method: str, untrusted_target: str, untrusted_body: bytes) -> Request:
    """The request in a target such as "/api/press" and a body in JSON.

    Raises:
        BadRequest: no request of ours.
    """
    if len(untrusted_target) > MAX_TARGET_CHARACTERS or len(untrusted_body) > MAX_BODY_BYTES:
        raise BadRequest("The request is longer than any of this page.")
    name = untrusted_target.removeprefix(API)
    if method == "GET":
        return _parse_look(name)
    if method != "POST" or name == untrusted_target:
        raise BadRequest("There is no such request.")
    fields = _object(untrusted_body)
    match name:
        case "enter":
            return Enter(_text(_only(fields, "code")["code"], MAX_TYPED_CHARACTERS))
        case "lines":
            items = _list(_only(fields, "lines")["lines"], MAX_LINES)
            return Draft(tuple(_parse_line(item) for item in items))
        case "level":
            return ShowLess(SilhouetteLevel(_whole(_only(fields, "level")["level"], 1, max(SilhouetteLevel))))
        case "press":
            pressed = _only(fields, "line", "inward")
            return Press(_whole(pressed["line"], 0, MAX_LINES - 1), _truth(pressed["inward"]))
        case "do":
            return _parse_do(_only(fields, "what")["what"])
    raise BadRequest("There is no such request.")


def _parse_look(name: str) -> Look:
    what, _, after = name.partition("?after=")
    if what != "look" or not after.isascii() or not after.isdecimal() or len(after) > 10 or int(after) > MAX_SERIAL:
        raise BadRequest("There is no such request.")
    return Look(int(after))


def _parse_do(item: object) -> Do:
    try:
        return Do(item)
    except ValueError as error:
        raise BadRequest("There is no such thing to do.") from error


def _parse_line(item: object) -> CodeLine:
    fields = _only(item, "door", "start", "end", "in_side")
    door = _text(fields["door"], TEXT_MAX_BYTES).strip()
    side = fields["in_side"]
    if not door or not door.isprintable() or len(door.encode()) > TEXT_MAX_BYTES:
        raise BadRequest(f"A door needs a name of 1 to {TEXT_MAX_BYTES} bytes that can be printed.")
    if not isinstance(side, str) or side not in _SIDES:
        raise BadRequest("The in side is right, left, down or up.")
    line = CodeLine(door, _place(fields["start"]), _place(fields["end"]), _SIDES[side])
    if line.start == line.end:
        raise BadRequest(f"The line of {door} has no length.")
    return line


_SIDES = {side.name.lower(): side for side in Side}


def _place(item: object) -> tuple[int, int]:
    x, y = _list(item, 2, 2)
    return _whole(x, 0, PER_MILLE), _whole(y, 0, PER_MILLE)


def _object(untrusted: bytes) -> object:
    try:
        return json.loads(untrusted.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The request is not in JSON.") from error


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _only(item: object, *names: str) -> dict[str, object]:
    if not isinstance(item, dict) or set(item) != set(names):
        raise BadRequest(f"The request must have {' and '.join(names)}, and nothing else.")
    return item


def _list(item: object, longest: int, shortest: int = 0) -> list[object]:
    if not isinstance(item, list) or not shortest <= len(item) <= longest:
        raise BadRequest(f"A list must have {shortest} to {longest} entries.")
    return item


def _text(item: object, longest: int) -> str:
    if not isinstance(item, str) or not 1 <= len(item) <= longest:
        raise BadRequest(f"A text must have 1 to {longest} characters.")
    try:
        item.encode()
    except UnicodeEncodeError as error:  # JSON can name half a character
        raise BadRequest("A text has a character that there is not.") from error
    return item


def _whole(item: object, lowest: int, highest: int) -> int:
    if isinstance(item, bool) or not isinstance(item, int) or not lowest <= item <= highest:
        raise BadRequest(f"A number must be a whole one from {lowest} to {highest}.")
    return item


def _truth(item: object) -> bool:
    if not isinstance(item, bool):
        raise BadRequest("A choice must be true or false.")
    return item
