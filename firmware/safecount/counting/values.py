"""The values that pass from stage to stage of the counting core.

All of them are plain nouns: nothing here computes, reads a clock or touches the world. A `Frame` and a `Boxes` array
are personal data while they exist; they live in the vision process only and for less than a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

if TYPE_CHECKING:  # the processes that handle no picture import this too, and numpy would be a third of their start
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

Boxes: TypeAlias = "NDArray[np.float32]"
"""Detected people of one frame, float32 of shape (n, 5): x1, y1, x2, y2 in picture pixels, then the score (0 to 1)."""

Direction: TypeAlias = Literal["in", "out"]
ImageDirection: TypeAlias = Literal["right", "left", "down", "up"]
Anchor: TypeAlias = Literal["centre", "bottom", "top"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a model takes in: its size in pixels, its channel order, and how a picture of another shape is fitted.

    `letterbox` keeps the aspect, puts the picture at the top left and fills the rest with `pad`; `stretch` does not.
    """

    width: int
    height: int
    channels: Literal["rgb", "bgr"]
    fit: Literal["letterbox", "stretch"]
    pad: int = 114


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, already at the model's size, order and fit.

    `pixels` is uint8 of shape (height, width, 3) and belongs to the source, which reuses it: it is valid until the next
    frame is asked for. `picture` is the (width, height) in pixels that the source had before fitting; boxes and lines
    are measured in it. `captured_at_s` is monotonic, in seconds. `luma` is the brightness of the whole picture, uint8 of
    shape (height, width), from a source that was asked for it: at the model's size no QR code could be read. It is valid
    as long as `pixels`.
    """

    pixels: NDArray[np.uint8]
    picture: tuple[int, int]
    captured_at_s: float
    luma: NDArray[np.uint8] | None = None


class FrameSource(Protocol):
    """Where frames come from: a camera or a clip. Used as a context manager and iterated once."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A counting line: a segment from `start` to `end`, as shares (0 to 1) of the picture's width and height.

    Crossing it towards `in_side`, a direction in the image, counts as in. `anchor` is the point of a person's box that
    must cross: its centre, or the middle of its bottom or top edge.
    """

    name: str
    door: str
    start: tuple[float, float]
    end: tuple[float, float]
    in_side: ImageDirection
    anchor: Anchor = "centre"


@dataclass(frozen=True, slots=True)
class Crossing:
    """One person crossed one line: noticed at `at_s` (monotonic seconds) at (x_px, y_px) in picture pixels."""

    line: str
    door: str
    direction: Direction
    at_s: float
    x_px: float
    y_px: float
