"""Silhouettes: edges at low resolution, so that somebody may aim a camera without being shown a person.

A picture becomes one bit a cell. How many cells there are follows from the largest person in it: the nearer somebody
comes, the coarser the whole drawing. EN 62676-4 puts a person whom one may merely detect at 25 pixels a metre; OUTLINES
stays below that for whoever stands wholly in the picture. What each level shows is in docs/setup-page.md.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from safecount.wire.scene import MAX_CELLS, Silhouette, SilhouetteLevel

Share = tuple[float, float, float, float]
"""A box as shares (0 to 1) of the picture's width and height: left, top, right, bottom."""

REMEMBER_S = 5.0
"""For so long after somebody large was seen the drawing stays as coarse: detectors miss people now and then."""
LEAST_STEP = 10.0
"""An edge is a step of at least so many grey levels (of 255) from cell to cell ..."""
EDGE_SHARE = 0.2
"""... among the steepest fifth of the picture."""
STIRRED_CELLS = (16, 12)
STIRRED_STEP, STIRRED_SHARE = 24.0, 0.35
"""When this share of so many cells changes by so many grey levels from one drawing to the next, something large and near is
passing, perhaps too near to be found: nothing is drawn."""
MARGIN = 0.1
"""People are boxed tightly: what is left empty is larger by this share of the box on each side."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How many cells the longer side of the picture has at most, and the longer side of a person's box."""

    picture: int
    person: int


RESOLUTIONS: dict[SilhouetteLevel, Resolution] = {
    SilhouetteLevel.OUTLINES: Resolution(MAX_CELLS, 20),
    SilhouetteLevel.COARSE: Resolution(32, 10),
    SilhouetteLevel.SCENE: Resolution(32, 10),
}
"""PATHS has none: nothing is drawn there."""


class SilhouetteArtist:
    """Draws one picture after another. Remembers how large people were in the last REMEMBER_S, at most MEMORY values, and
    the grey levels of a few large cells of the last picture.
    """

    MEMORY = 256

    def __init__(self) -> None:
        self._sizes: deque[tuple[float, float]] = deque(maxlen=self.MEMORY)
        self._before: NDArray[np.float32] | None = None

    def draw(
        self,
        pixels: NDArray[np.uint8],
        shape: tuple[int, int],
        people: Sequence[Share],
        level: SilhouetteLevel,
        at_s: float,
    ) -> Silhouette | None:
        """The silhouette of a picture; None where none may be drawn.

        Args:
            pixels: uint8 of shape (height, width, 3), the picture alone, without a letterbox's filling.
            shape: the picture's own (width, height), which `pixels` may have stretched.
            people: everybody who was found in it.
            level: what may be shown.
            at_s: monotonic seconds.
        """
        resolution = RESOLUTIONS.get(level)
        if resolution is None:
            self._before = None
            return None
        columns, rows = self._grid(shape, people, resolution, at_s)
        if self._stirred(_means(pixels, *STIRRED_CELLS)):
            return None
        edges = _edges(_means(pixels, columns, rows))
        if level is SilhouetteLevel.SCENE:
            for person in people:
                _leave_out(edges, person)
        return Silhouette(columns, rows, np.packbits(edges).tobytes())

    def _grid(
        self, shape: tuple[int, int], people: Sequence[Share], resolution: Resolution, at_s: float
    ) -> tuple[int, int]:
        """Columns and rows: as many as picture and largest person allow."""
        longer = max(shape)
        across, down = shape[0] / longer, shape[1] / longer
        now = max((max((x2 - x1) * across, (y2 - y1) * down) for x1, y1, x2, y2 in people), default=0.0)
        self._sizes.append((at_s, now))
        largest = max(size for seen_s, size in self._sizes if at_s - seen_s <= REMEMBER_S)
        cells = min(float(resolution.picture), resolution.person / largest if largest > 0 else MAX_CELLS)
        return max(1, int(cells * across)), max(1, int(cells * down))

    def _stirred(self, grey: NDArray[np.float32]) -> bool:
        before, self._before = self._before, grey
        return before is not None and bool(np.mean(np.abs(grey - before) >= STIRRED_STEP) >= STIRRED_SHARE)


def _means(pixels: NDArray[np.uint8], columns: int, rows: int) -> NDArray[np.float32]:
    """The mean grey of each cell, float32 of shape (rows, columns). Green stands for grey: it is the middle of any order."""
    height, width = pixels.shape[:2]
    grey = pixels[:, :, 1].astype(np.float32)
    downs = np.linspace(0, height, rows + 1).astype(np.intp)
    acrosses = np.linspace(0, width, columns + 1).astype(np.intp)
    sums = np.add.reduceat(np.add.reduceat(grey, downs[:-1], axis=0), acrosses[:-1], axis=1)
    means: NDArray[np.float32] = np.asarray(sums / np.outer(np.diff(downs), np.diff(acrosses)), np.float32)
    return means


def _edges(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a cell differs most from its right and lower neighbour."""
    steps = np.hypot(np.diff(grey, axis=1, append=grey[:, -1:]), np.diff(grey, axis=0, append=grey[-1:, :]))
    edges: NDArray[np.bool_] = steps >= max(LEAST_STEP, float(np.quantile(steps, 1.0 - EDGE_SHARE)))
    return edges


def _leave_out(edges: NDArray[np.bool_], person: Share) -> None:
    rows, columns = edges.shape
    x1, y1, x2, y2 = person
    aside, above = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    # An edge is marked left of and above the step: one cell more there.
    left, top = max(0, int((x1 - aside) * columns) - 1), max(0, int((y1 - above) * rows) - 1)
    edges[top : ceil((y2 + above) * rows), left : ceil((x2 + aside) * columns)] = False
