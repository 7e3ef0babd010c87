"""The one way through: a frame goes in, the crossings that it completes come out.

This file joins the stages and knows none of their insides. It keeps nothing of a frame but the seconds each stage took.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from safecount.counting.counting_settings import LineCounterSettings, TrackerSettings
from safecount.counting.line_counter import LineCounter
from safecount.counting.tracker import Track, Tracker
from safecount.counting.values import Boxes, Crossing, Frame, LineSettings


class Detector(Protocol):
    """A loaded model. `invoke` takes pixels of its InputSpec and gives its raw output tensors, in its card's order.

    The tensors may be views that the next `invoke` overwrites.
    """

    def invoke(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.generic], ...]: ...


class Decoder(Protocol):
    """Turns a model's raw outputs into people, in pixels of a picture of the given (width, height)."""

    def __call__(self, outputs: Sequence[NDArray[np.generic]], picture: tuple[int, int], /) -> Boxes: ...


@dataclass(slots=True)
class StageSeconds:
    """Seconds spent in each stage since the start, and over how many frames."""

    frames: int = 0
    invoke: float = 0.0
    decode: float = 0.0
    track: float = 0.0
    count: float = 0.0


class LineCrossings:
    """Boxes to crossings: one tracker for the picture, one counter a line.

    It remembers what its tracker and its line counters remember, and states no bound of its own.
    """

    def __init__(
        self,
        lines: Sequence[LineSettings],
        picture: tuple[int, int],
        tracker: TrackerSettings | None = None,
        counter: LineCounterSettings | None = None,
    ) -> None:
        self.tracker = Tracker(tracker or TrackerSettings())
        self.counters = [LineCounter(line, picture, counter or LineCounterSettings()) for line in lines]

    def track(self, boxes: Boxes, at_s: float) -> Sequence[Track]:
        return self.tracker.update(boxes, at_s)

    def count(self, tracks: Sequence[Track], at_s: float) -> list[Crossing]:
        return [crossing for counter in self.counters for crossing in counter.update(tracks, at_s)]


class Pipeline:
    """Frames to crossings, by a detector, its decoder and the lines of one picture.

    Args:
        detector: the loaded model.
        decode: the decoder of its card.
        crossings: tracker and line counters, made for the size of the picture.
        clock_s: a clock that only goes forward, in seconds, for `seconds`; it has no say in the counting.
    """

    def __init__(
        self, detector: Detector, decode: Decoder, crossings: LineCrossings, clock_s: Callable[[], float]
    ) -> None:
        self._detector = detector
        self._decode = decode
        self._crossings = crossings
        self._clock_s = clock_s
        self.seconds = StageSeconds()
        self.boxes: Boxes = np.empty((0, 5), np.float32)
        self.tracks: Sequence[Track] = ()

    def step(self, frame: Frame) -> list[Crossing]:
        """Count one frame. `boxes` and `tracks` then hold what was seen in it, until the next step."""
        clock_s, spent = self._clock_s, self.seconds
        started = clock_s()
        outputs = self._detector.invoke(frame.pixels)
        invoked = clock_s()
        self.boxes = self._decode(outputs, frame.picture)
        decoded = clock_s()
        self.tracks = self._crossings.track(self.boxes, frame.captured_at_s)
        tracked = clock_s()
        crossings = self._crossings.count(self.tracks, frame.captured_at_s)
        counted = clock_s()
        spent.frames += 1
        spent.invoke += invoked - started
        spent.decode += decoded - invoked
        spent.track += tracked - decoded
        spent.count += counted - tracked
        return crossings
