"""The shipped tracker and line counter as an adapter of the line-crossing grader: boxes in, (direction, x) out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from safecount.counting.counting_settings import LineCounterSettings, TrackerSettings
from safecount.counting.line_counter import LineCounter
from safecount.counting.tracker import Tracker
from safecount.counting.values import LineSettings


class Counter:
    """One horizontal line across the whole picture, downwards is in (+1), with the settings as they ship or others."""

    def __init__(
        self,
        meta: dict[str, Any],
        tracker: TrackerSettings | None = None,
        counter: LineCounterSettings | None = None,
    ) -> None:
        share = meta["line_y"] / meta["height"]
        line = LineSettings(name="line", door="door", start=(0.0, share), end=(1.0, share), in_side="down")
        self._fps = meta["fps"]
        self._tracker = Tracker(tracker)
        self._counter = LineCounter(line, (meta["width"], meta["height"]), counter)

    def step(self, frame_no: int, boxes: NDArray[np.float32]) -> list[tuple[int, float]]:
        at_s = frame_no / self._fps
        tracks = self._tracker.update(boxes, at_s)
        return [
            (1 if crossing.direction == "in" else -1, crossing.x_px) for crossing in self._counter.update(tracks, at_s)
        ]
