"""A street of scripted walkers: what a perfect detector would box, frame by frame."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from safecount.counting.values import Boxes

WIDTH, HEIGHT = 40.0, 90.0
PICTURE = (640, 480)


@dataclass(frozen=True, slots=True)
class Walker:
    """Walks through `points` (time in seconds, x, y in pixels), unseen within each of `hidden` (from, to)."""

    points: tuple[tuple[float, float, float], ...]
    hidden: tuple[tuple[float, float], ...] = ()
    score: float = 0.9
    scale: float = 1.0

    def box(self, at_s: float) -> tuple[float, float, float, float, float] | None:
        times = [point[0] for point in self.points]
        if not times[0] <= at_s <= times[-1] or any(start <= at_s < end for start, end in self.hidden):
            return None
        x = float(np.interp(at_s, times, [point[1] for point in self.points]))
        y = float(np.interp(at_s, times, [point[2] for point in self.points]))
        half_width, half_height = WIDTH * self.scale / 2, HEIGHT * self.scale / 2
        return (x - half_width, y - half_height, x + half_width, y + half_height, self.score)


def walk(start: tuple[float, float], end: tuple[float, float], start_s: float = 0.0, end_s: float = 4.0) -> Walker:
    """Somebody who walks straight from one point to another."""
    return Walker(((start_s, *start), (end_s, *end)))


def street(walkers: Sequence[Walker], fps: float = 10.0, until_s: float = 20.0) -> Iterator[tuple[Boxes, float]]:
    """The boxes of every frame, with its time."""
    for frame in range(int(until_s * fps)):
        at_s = frame / fps
        boxes = [box for walker in walkers if (box := walker.box(at_s))]
        yield np.array(boxes, np.float32).reshape(-1, 5), at_s


def moved(frames: Iterable[tuple[Boxes, float]], change: Callable[[Boxes], Boxes]) -> Iterator[tuple[Boxes, float]]:
    """The same street with every frame's boxes changed."""
    for boxes, at_s in frames:
        yield change(boxes), at_s
