"""Runs the counting core over a clip, or over boxes alone, exactly as a device would, and hands out what it sees.

The one way through for evaluation, replay and `run`: they differ in what they do with the steps, never in the counting.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from safecount.counting.counting_settings import TrackerSettings
from safecount.counting.pipeline import LineCrossings, Pipeline
from safecount.counting.tracker import Track
from safecount.counting.values import Boxes, Crossing, ImageDirection, LineSettings
from safecount.edges.video_file import VideoFile
from safecount_ops.desk.models import Model
from safecount_ops.desk.truth import OPPOSITE, Event

DEVICE_FPS = 10.0
"""Frames a second that the shipped settings take from the camera."""


@dataclass(frozen=True, slots=True)
class Step:
    """One processed frame: when it was, who was seen in it, and the crossings it completed.

    `tracks` belong to the tracker and change with the next step. `size` is the picture's (width, height) in pixels.
    """

    at_s: float
    size: tuple[int, int]
    boxes: Boxes
    tracks: Sequence[Track]
    crossings: Sequence[Crossing]


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames a second that the clip has, and that are taken of it."""

    clip_fps: float
    wanted_fps: float = DEVICE_FPS

    @property
    def fps(self) -> float:
        return min(self.clip_fps, self.wanted_fps)


@dataclass(slots=True)
class Spent:
    """Seconds spent in each stage, in the order of the way through, and over how many frames."""

    frames: int = 0
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def ms_per_frame(self) -> dict[str, float]:
        return {stage: round(1e3 * seconds / max(1, self.frames), 4) for stage, seconds in self.stages.items()}


def image_event(crossing: Crossing, line: LineSettings) -> Event:
    """A crossing as a truth file tells it: when, and in which direction of the image."""
    direction: ImageDirection = line.in_side if crossing.direction == "in" else OPPOSITE[line.in_side]
    return crossing.at_s, direction


def thinned(frames: int, clip_fps: float, fps: float) -> Iterator[int]:
    """Which frames of a clip a device takes that wants `fps` frames a second: the first at or after each tick."""
    tick = 0
    for index in range(frames):
        if index / clip_fps >= tick / fps - 1e-6:
            yield index
            tick = int(index / clip_fps * fps + 1e-6) + 1


def count_boxes(
    frames: Sequence[Boxes], rate: Rate, lines: Sequence[LineSettings], size: tuple[int, int], spent: Spent
) -> Iterator[Step]:
    """Count boxes that are known already, frame by frame: no model, the shipped tracker and line counter."""
    way = LineCrossings(lines, size)
    spent.stages = {"track": 0.0, "count": 0.0}
    for index in thinned(len(frames), rate.clip_fps, rate.fps):
        at_s = index / rate.clip_fps
        began = time.perf_counter()
        tracks = way.track(frames[index], at_s)
        tracked = time.perf_counter()
        crossings = way.count(tracks, at_s)
        counted = time.perf_counter()
        spent.frames += 1
        spent.stages["track"] += tracked - began
        spent.stages["count"] += counted - tracked
        yield Step(at_s, size, frames[index], tracks, crossings)


def count_clip(clip: VideoFile, model: Model, lines: Sequence[LineSettings], spent: Spent) -> Iterator[Step]:
    """Count a clip, frame by frame, with the shipped settings; the model's card says which scores are strong.

    Raises:
        UsageError: a line that does not fit the picture, or a clip without frames.
    """
    settings = TrackerSettings(strong_score=model.card.strong_score, weak_score=model.card.weak_score)
    way = LineCrossings(lines, clip.picture, settings)
    pipeline = Pipeline(model.detector, model.decode, way, time.perf_counter)
    video_s, began = 0.0, time.perf_counter()
    for frame in clip:
        video_s += time.perf_counter() - began
        crossings = pipeline.step(frame)
        told = pipeline.seconds
        spent.frames = told.frames
        spent.stages = {
            "video": video_s,
            "invoke": told.invoke,
            "decode": told.decode,
            "track": told.track,
            "count": told.count,
        }
        yield Step(frame.captured_at_s, frame.picture, pipeline.boxes, pipeline.tracks, crossings)
        began = time.perf_counter()
