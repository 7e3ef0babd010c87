"""Truth files: which crossings a clip really holds, per line, as counted by eye or derived from published tracks.

The format is told in docs/evaluation.md. Directions are those of the image. Nothing is guessed: what does not fit is an
error that names the file and the field.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from safecount.counting.values import Anchor, ImageDirection, LineSettings
from safecount.errors import UsageError

Event: TypeAlias = tuple[float, ImageDirection]
"""When somebody crossed, in seconds from the clip's first frame, and in which direction of the image."""

OPPOSITE: dict[ImageDirection, ImageDirection] = {"right": "left", "left": "right", "down": "up", "up": "down"}
ANCHORS: tuple[Anchor, ...] = ("centre", "bottom", "top")


@dataclass(frozen=True, slots=True)
class TruthLine:
    """One line and who crossed it. `line.in_side` is right or down; `events` are in order of time."""

    line: LineSettings
    events: tuple[Event, ...]

    @property
    def directions(self) -> tuple[ImageDirection, ImageDirection]:
        return self.line.in_side, OPPOSITE[self.line.in_side]


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of one clip: its name as the file has it, frames a second, (width, height) in pixels, and its lines."""

    clip: str
    fps: float
    frames: int
    size: tuple[int, int]
    lines: tuple[TruthLine, ...]


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        UsageError: it cannot be read, is no JSON, or lacks or misspells a field; the text names which.
    """
    try:
        return parse_truth(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise UsageError(f"The truth file {path} cannot be read ({error.strerror}).") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The truth file {path} is not valid JSON ({error}).") from error


def parse_truth(untrusted: object, where: str) -> Truth:
    """Make a Truth of parsed JSON; `where` names it in error texts. Raises UsageError as `read_truth` does."""
    try:
        return _truth(cast("dict[str, Any]", untrusted))
    except KeyError as error:
        raise UsageError(f"{where} is no truth file: it lacks {error}.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where} is no truth file: {error}.") from error


def _truth(table: dict[str, Any]) -> Truth:
    fps = float(table["fps"])
    width, height = (int(side) for side in table["size"])
    if not fps > 0 or width < 1 or height < 1:
        raise ValueError("fps and size must be above 0")
    lines = tuple(_line(entry, fps) for entry in table["lines"])
    if not lines or len({entry.line.name for entry in lines}) < len(lines):
        raise ValueError("it needs lines, each with a name of its own")
    return Truth(str(table["clip"]), fps, int(table.get("frames", 0)), (width, height), lines)


def _line(entry: dict[str, Any], fps: float) -> TruthLine:
    x1, y1, x2, y2 = (float(share) for share in entry["line"])
    events = sorted((int(event["frame"]) / fps, _direction(event["dir"])) for event in entry["events"])
    counts = {_direction(direction): int(number) for direction, number in entry["counts"].items()}
    axis = {"right", "left"} & {*counts, *(direction for _, direction in events)}
    in_side: ImageDirection = "right" if axis else "down"
    strays = {direction for _, direction in events} - {in_side, OPPOSITE[in_side]}
    if strays:
        raise ValueError(f"line {entry['name']} has events to the {strays.pop()}, across its other directions")
    for direction, number in counts.items():
        told = sum(of_event == direction for _, of_event in events)
        if told != number:
            raise ValueError(f"line {entry['name']} counts {number} {direction}, but lists {told} such events")
    anchor = str(entry.get("anchor", "centre")).removeprefix("box ")
    if anchor not in ANCHORS:
        raise ValueError(f"line {entry['name']} has the anchor '{anchor}', which is none of {', '.join(ANCHORS)}")
    name = str(entry["name"])
    return TruthLine(LineSettings(name, name, (x1, y1), (x2, y2), in_side, anchor), tuple(events))


def _direction(word: object) -> ImageDirection:
    for direction in OPPOSITE:
        if word == direction:
            return direction
    raise ValueError(f"{word!r} is no direction; it may be {', '.join(OPPOSITE)}")
