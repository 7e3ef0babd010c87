"""What a count at the desk holds: who crossed which line and when, the paths, and the time it took.

Paths and moments are what a device never keeps. They exist here because somebody at a desk has the whole clip anyway.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from safecount.counting.values import Crossing, Direction, ImageDirection, LineSettings
from safecount_ops.desk.counting import Spent, Step, image_event
from safecount_ops.desk.matching import Score, score
from safecount_ops.desk.truth import OPPOSITE, Event, Truth

LEAST_PATH_POINTS = 3


@dataclass(slots=True)
class Walked:
    """Where one person's box centre was, in picture pixels, and which way the person crossed a line last, if at all."""

    points: list[tuple[float, float]] = field(default_factory=list)
    way: Direction | Literal["no line"] = "no line"


@dataclass(slots=True)
class Collected:
    """Crossings and paths of a whole clip: bounded by the clip's length."""

    size: tuple[int, int] = (0, 0)
    duration_s: float = 0.0
    crossings: list[Crossing] = field(default_factory=list)
    paths: dict[int, Walked] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        self.size = step.size
        self.duration_s = step.at_s
        self.crossings.extend(step.crossings)
        for track in step.tracks:
            path = self.paths.setdefault(track.number, Walked())
            x1, y1, x2, y2 = track.box
            path.points.append(((x1 + x2) / 2.0, (y1 + y2) / 2.0))
            for crossing in step.crossings:
                # A crossing carries no number of its person, by design; at a desk its place tells it.
                if abs(crossing.x_px - (x1 + x2) / 2.0) < 1e-6 and y1 - 1e-6 <= crossing.y_px <= y2 + 1e-6:
                    path.way = crossing.direction


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line's crossings as (seconds, image direction), and, where the truth is known, the true ones and the score."""

    line: LineSettings
    events: tuple[Event, ...]
    true_events: tuple[Event, ...] | None = None
    score: Score | None = None

    @property
    def directions(self) -> tuple[ImageDirection, ImageDirection]:
        return self.line.in_side, OPPOSITE[self.line.in_side]

    def counted(self, direction: ImageDirection) -> int:
        return sum(of_event == direction for _, of_event in self.events)

    def true(self, direction: ImageDirection) -> int | None:
        if self.true_events is None:
            return None
        return sum(of_event == direction for _, of_event in self.true_events)


@dataclass(frozen=True, slots=True)
class ClipResult:
    """All that a report tells of one clip. `model_why` is a sentence, `model_hash` the sha256 of its file."""

    clip: str
    collected: Collected
    lines: tuple[LineResult, ...]
    spent: Spent
    fps: float
    wall_s: float
    model: str
    model_hash: str
    model_why: str
    line_why: str
    tolerance_s: float

    @property
    def crossings(self) -> int:
        return sum(len(line.events) for line in self.lines)


def line_results(
    lines: Iterable[LineSettings], crossings: Iterable[Crossing], truth: Truth | None, tolerance_s: float
) -> tuple[LineResult, ...]:
    """Sort crossings by line; lines that the truth names are scored against it."""
    all_crossings = list(crossings)
    true_lines = {true.line.name: true for true in truth.lines} if truth else {}
    results = []
    for line in lines:
        events = tuple(image_event(crossing, line) for crossing in all_crossings if crossing.line == line.name)
        known = true_lines.get(line.name)
        if known is None:
            results.append(LineResult(line, events))
        else:
            judged = score(line.name, known.directions, known.events, events, tolerance_s)
            results.append(LineResult(line, events, known.events, judged))
    return tuple(results)
