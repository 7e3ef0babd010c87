"""A scene that can be found again: real people between two bars of a barcode that runs over the whole width of the picture.

A row of the bars is a row of runs, dark and bright in turn, whose widths follow a fixed code. Their ratios survive scaling,
recoding and any pixel format in which a row lies in one piece; `forensics.search` looks for them.
"""

import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from safecount_ops.assets import find_asset

RUNS = 41
MARGIN = 4
"""Dark modules left and right of the code."""
DARK, BRIGHT = 20, 235
BAR = 0.12
"""Height of each bar, as a part of the picture's."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A code: the widths of its runs in modules; the first and the last run are bright."""

    name: str

    @property
    def code(self) -> tuple[int, ...]:
        dice = random.Random(f"safecount scene {self.name}")
        return tuple(dice.choice((1, 2, 3)) for _ in range(RUNS))

    def row(self, width: int) -> NDArray[np.uint8]:
        """One row of a picture of that width, shape (width,)."""
        modules = [DARK] * MARGIN
        for number, run in enumerate(self.code):
            modules += [DARK if number % 2 else BRIGHT] * run
        modules += [DARK] * MARGIN
        at = np.arange(width) * len(modules) // width
        return np.array(modules, np.uint8)[at]

    def lay_over(self, picture: NDArray[np.uint8]) -> None:
        """Put the two bars over a picture, shape (height, width, 3)."""
        height, width = picture.shape[:2]
        bar = round(height * BAR)
        for rows in (slice(None, bar), slice(height - bar, None)):
            picture[rows] = self.row(width)[None, :, None]


FIRST, SECOND = Watermark("first"), Watermark("second")


def write_clip(out: Path, scenes: list[tuple[Watermark, int]], size: tuple[int, int]) -> Path:
    """vtest, of Debian's opencv-doc, with so many frames behind each watermark, as a video file of (width, height) pixels."""
    with av.open(str(find_asset("vtest"))) as source, av.open(str(out), "w") as made:
        picture = source.streams.video[0]
        frames = source.decode(picture)
        stream = made.add_stream("mpeg4", rate=picture.average_rate)
        stream.width, stream.height = size
        stream.bit_rate = 8_000_000
        for watermark, count in scenes:
            for frame in islice(frames, count):
                pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1]).astype(np.uint8)
                watermark.lay_over(pixels)
                made.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        made.mux(stream.encode())
    return out
