"""Whether a line is well placed, judged by the picture and by the paths that people took past it. Pure.

A line counts who is settled on one side of it and then on the other (`counting.line_counter`), so people must be seen
whole, large enough, and for about a body's size on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import hypot
from statistics import median

from safecount.wire.code_line import PER_MILLE, CodeLine, Side

Point = tuple[float, float]

LEAST_PATHS = 5
"""So many people must have come near a line before their ways say anything."""
LEAST_STEPS = 3
ROOM_BODIES = 0.6
"""The line counter's band is 0.11 body sizes on each side; detectors find nobody of whom less than half is seen."""
USUAL_BODY = 0.12
"""The body size, as a share of the picture's longer side, that is taken before anybody was seen."""
ALONG_SINE = 0.5
"""Below 30 degrees between line and way, a sway of a body's size is enough to cross."""
SMALL_SHARE = 0.08
"""The detectors take 300 or 320 pixels: below 26 of them in height they find a person only now and then."""
CUT_SHARE, BESIDE_SHARE = 0.5, 0.3
EDGE = 0.01
TOWARDS: dict[Side, Point] = {Side.RIGHT: (1, 0), Side.LEFT: (-1, 0), Side.DOWN: (0, 1), Side.UP: (0, -1)}
LEAST_SINE = 0.17
"""A line must be steeper than this against its in side, as in `counting.geometry`."""


class Fault(Enum):
    """What is wrong with a line, as the installer reads it."""

    IN_SIDE = "The in side cannot be told: choose one across the line."
    NEAR_EDGE = "The line is too near the edge of the picture: people must be seen on both sides of it."
    ALONG = "People walk along the line rather than across it: turn it across their way."
    SMALL = "People are too small here: hang the camera lower, or turn it towards the door."
    CUT = "People are cut off by the edge of the picture where they cross: move the line, or turn the camera."
    BESIDE = "People pass beside the ends of the line: make it longer."


@dataclass(frozen=True, slots=True)
class Step:
    """One place of somebody's path, as shares of the picture: the centre, width and height of the box."""

    x: float
    y: float
    width: float
    height: float

    @property
    def cut(self) -> bool:
        """Whether the box touches the picture's edge."""
        return (
            min(self.x - self.width / 2, self.y - self.height / 2) <= EDGE
            or max(self.x + self.width / 2, self.y + self.height / 2) >= 1 - EDGE
        )


Path = Sequence[Step]


def faults(line: CodeLine, paths: Sequence[Path], picture: tuple[int, int]) -> tuple[Fault, ...]:
    """What is wrong with a line.

    Args:
        line: where it lies.
        paths: where people walked lately.
        picture: (width, height) in pixels; only their ratio matters.
    """
    laid = _Laid.over(line, picture)
    walked = [way for path in paths if len(path) >= LEAST_STEPS and (way := _Way.past(laid, path)) is not None]
    found = []
    if laid.in_side_sine < LEAST_SINE:
        found.append(Fault.IN_SIDE)
    if laid.room() < ROOM_BODIES * (median(way.body for way in walked) if walked else USUAL_BODY):
        found.append(Fault.NEAR_EDGE)
    if len(walked) >= LEAST_PATHS:
        found += _of_ways(walked)
    return tuple(found)


def _of_ways(walked: Sequence["_Way"]) -> list[Fault]:
    crossing = [way for way in walked if way.crosses]
    found = []
    if median(way.sine for way in walked) < ALONG_SINE:
        found.append(Fault.ALONG)
    if median(way.tall for way in walked) < SMALL_SHARE:
        found.append(Fault.SMALL)
    if crossing and sum(way.cut for way in crossing) > CUT_SHARE * len(crossing):
        found.append(Fault.CUT)
    beside = sum(way.beside for way in walked)
    if beside > BESIDE_SHARE * (beside + len(crossing)):
        found.append(Fault.BESIDE)
    return found


@dataclass(frozen=True, slots=True)
class _Laid:
    """A line over a picture whose longer side is 1: start, unit vector along it, length, and the picture's size."""

    start: Point
    along: Point
    length: float
    size: Point
    in_side_sine: float

    @classmethod
    def over(cls, line: CodeLine, picture: tuple[int, int]) -> "_Laid":
        longer = max(picture)
        size = (picture[0] / longer, picture[1] / longer)
        (x1, y1), (x2, y2) = ((x / PER_MILLE * size[0], y / PER_MILLE * size[1]) for x, y in (line.start, line.end))
        length = hypot(x2 - x1, y2 - y1)
        along = ((x2 - x1) / length, (y2 - y1) / length)
        towards = TOWARDS[line.in_side]
        return cls((x1, y1), along, length, size, abs(along[0] * towards[1] - along[1] * towards[0]))

    def place(self, step: Step) -> tuple[float, float]:
        """How far from the line, on which side by its sign, and how far along it."""
        x, y = step.x * self.size[0] - self.start[0], step.y * self.size[1] - self.start[1]
        return x * -self.along[1] + y * self.along[0], x * self.along[0] + y * self.along[1]

    def room(self) -> float:
        """How much picture there is beside the line on its narrower side, at the median of five places along it."""
        sides = []
        for normal in ((-self.along[1], self.along[0]), (self.along[1], -self.along[0])):
            places = [
                (self.start[0] + part * self.length * self.along[0], self.start[1] + part * self.length * self.along[1])
                for part in (0.1, 0.3, 0.5, 0.7, 0.9)
            ]
            sides.append(median(_to_edge(place, normal, self.size) for place in places))
        return min(sides)


def _to_edge(place: Point, towards: Point, size: Point) -> float:
    """How far it is from a place to the picture's edge in a direction."""
    ways = [
        ((edge - at) / step)
        for at, step, extent in zip(place, towards, size, strict=True)
        for edge in (0.0, extent)
        if abs(step) > 1e-9 and (edge - at) / step > -1e-9
    ]
    return max(0.0, min(ways, default=0.0))


@dataclass(frozen=True, slots=True)
class _Way:
    """How somebody came past a line: across it, beside its ends, or only near it."""

    body: float
    tall: float
    sine: float
    crosses: bool
    beside: bool
    cut: bool

    @classmethod
    def past(cls, laid: _Laid, path: Path) -> "_Way | None":
        """None for somebody who stayed further from the line than a body's size, or did not move by as much."""
        places = [laid.place(step) for step in path]
        bodies = [(step.width * laid.size[0] * step.height * laid.size[1]) ** 0.5 for step in path]
        body = median(bodies)
        nearest = min(range(len(path)), key=lambda n: abs(places[n][0]))
        if abs(places[nearest][0]) > body:
            return None
        moved_across, moved_along = (places[-1][axis] - places[0][axis] for axis in (0, 1))
        moved = hypot(moved_across, moved_along)
        if moved < body:
            return None
        over = min(place[0] for place in places) < 0 < max(place[0] for place in places)
        within = 0.0 <= places[nearest][1] <= laid.length
        return cls(
            body=body,
            tall=path[nearest].height * laid.size[1],
            sine=abs(moved_across) / moved,
            crosses=over and within,
            beside=over and not within,
            cut=path[nearest].cut,
        )
