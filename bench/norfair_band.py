"""norfair with the line that a careful user would write by hand: a band of 12 pixels on each side, settled to settled.

An adapter of the line-crossing grader; it runs in an environment with norfair and nothing of ours.
"""

from typing import Any

import norfair
import numpy as np
from numpy.typing import NDArray

BAND_PX = 12.0


class Counter:
    """norfair's tracker as its manual starts it, and a line with a band in pixels."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self._line_y = meta["line_y"]
        self._tracker = norfair.Tracker(
            distance_function="iou", distance_threshold=0.7, hit_counter_max=15, initialization_delay=2
        )
        self._side: dict[int, bool] = {}

    def step(self, _frame_no: int, boxes: NDArray[np.float32]) -> list[tuple[int, float]]:
        found = [norfair.Detection(points=box[:4].reshape(2, 2), scores=np.array([box[4], box[4]])) for box in boxes]
        events = []
        for person in self._tracker.update(found):
            (x1, y1), (x2, y2) = person.estimate
            off = (y1 + y2) / 2 - self._line_y
            if abs(off) <= BAND_PX:
                continue
            before, below = self._side.get(person.id), bool(off > 0)
            self._side[person.id] = below
            if before is not None and before != below:
                events.append((1 if below else -1, float(x1 + x2) / 2))
        return events
