"""Counts who crosses a line: a person settled on one side of it who then settles on the other.

People stop on lines, sway, and are boxed a few pixels to the left and right. So the line is a band around itself, as wide
as a share of the person's own size, and within the band nobody changes sides (a Schmitt trigger). The test is on the
point that the detector measured, not on the tracker's smoothed one, which overshoots when people stop.
"""

from collections.abc import Sequence

from safecount.counting.counting_settings import LineCounterSettings
from safecount.counting.geometry import segment
from safecount.counting.tracker import Track
from safecount.counting.values import Anchor, Crossing, LineSettings


class LineCounter:
    """Remembers the settled side of each track for `memory_s` after it was last seen, at most one for each of its tracks."""

    def __init__(
        self, line: LineSettings, picture: tuple[int, int], settings: LineCounterSettings | None = None
    ) -> None:
        """Lay the line over a picture of (width, height) pixels.

        Raises:
            UsageError: a line that no one could cross; see `geometry.segment`.
        """
        self._line = line
        self._segment = segment(line, picture)
        self._settings = settings or LineCounterSettings()
        # Where each track was settled last: distance and place along the line in pixels, and when it was seen last.
        self._settled: dict[int, tuple[float, float, float]] = {}
        self._swept_at_s = float("-inf")

    def update(self, tracks: Sequence[Track], at_s: float) -> list[Crossing]:
        """Take in the confirmed tracks of one frame; returns the crossings that it completes."""
        crossings = []
        line, segment_, settled, anchor = self._line, self._segment, self._settled, self._line.anchor
        for track in tracks:
            x, y = _anchor(track.box, anchor)
            distance = segment_.distance(x, y)
            band = self._settings.band * track.size
            before = settled.get(track.number) or self._begin(track, band, at_s)
            if abs(distance) <= band:
                if before is not None:
                    settled[track.number] = (before[0], before[1], at_s)  # stands on the line: not forgotten meanwhile
                continue
            along = segment_.along(x, y)
            settled[track.number] = (distance, along, at_s)
            if before is None or (before[0] > 0) == (distance > 0):
                continue
            crossed_at = before[1] + (along - before[1]) * abs(before[0]) / (abs(before[0]) + abs(distance))
            if 0.0 <= crossed_at <= segment_.length:
                crossings.append(Crossing(line.name, line.door, "in" if distance > 0 else "out", at_s, x, y))
        self._sweep(at_s)
        return crossings

    @property
    def remembered(self) -> int:
        """How many tracks' sides. Not `__len__`: a counter that remembers nobody would be false."""
        return len(self._settled)

    def _begin(self, track: Track, band: float, at_s: float) -> tuple[float, float, float] | None:
        """Where a track was settled before it was confirmed: at a low frame rate, who walks fast is over the line by then."""
        x, y = _anchor(track.first_box, self._line.anchor)
        distance = self._segment.distance(x, y)
        return (distance, self._segment.along(x, y), at_s) if abs(distance) > band else None

    def _sweep(self, at_s: float) -> None:
        if at_s - self._swept_at_s < self._settings.memory_s:
            return
        # Track numbers are never reused, so an old entry can only be forgotten, not mistaken.
        oldest_s = at_s - self._settings.memory_s
        self._settled = {number: entry for number, entry in self._settled.items() if entry[2] >= oldest_s}
        self._swept_at_s = at_s


def _anchor(box: tuple[float, float, float, float], anchor: Anchor) -> tuple[float, float]:
    """The point of a box that must cross: x is its middle, y its centre or one of its edges."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2.0, y2 if anchor == "bottom" else y1 if anchor == "top" else (y1 + y2) / 2.0
