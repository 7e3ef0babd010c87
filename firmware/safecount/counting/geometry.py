"""A counting line as numbers: which side of it a point is on, and where along it."""

from dataclasses import dataclass
from math import hypot

from safecount.counting.values import ImageDirection, LineSettings
from safecount.errors import UsageError

TOWARDS: dict[ImageDirection, tuple[float, float]] = {
    "right": (1.0, 0.0),
    "left": (-1.0, 0.0),
    "down": (0.0, 1.0),
    "up": (0.0, -1.0),
}
# A line must be steeper than this against its own in side, or nobody could say which side is in: sin 10 degrees.
LEAST_SINE = 0.17


@dataclass(frozen=True, slots=True)
class Segment:
    """A line in picture pixels: a point on it, the unit vector along it, the unit normal towards its in side."""

    x: float
    y: float
    along_x: float
    along_y: float
    in_x: float
    in_y: float
    length: float

    def distance(self, x: float, y: float) -> float:
        """Signed distance of a point from the (endless) line in pixels, positive on the in side."""
        return (x - self.x) * self.in_x + (y - self.y) * self.in_y

    def along(self, x: float, y: float) -> float:
        """How far along the line a point lies, in pixels from its start: within 0 and `length` between its ends."""
        return (x - self.x) * self.along_x + (y - self.y) * self.along_y


def segment(line: LineSettings, picture: tuple[int, int]) -> Segment:
    """Lay a line over a picture of the given (width, height) in pixels.

    Raises:
        UsageError: the line leaves the picture, has no length, or runs along the direction that should be its in side.
    """
    for share in (*line.start, *line.end):
        if not 0.0 <= share <= 1.0:
            raise UsageError(
                f"The line '{line.name}' leaves the picture ({share:g} is not within 0 and 1); "
                "give its ends as shares of the picture's width and height."
            )
    width, height = picture
    x, y = line.start[0] * width, line.start[1] * height
    dx, dy = line.end[0] * width - x, line.end[1] * height - y
    length = hypot(dx, dy)
    if length < 1.0:
        raise UsageError(f"The line '{line.name}' has no length; give it two different ends.")
    along_x, along_y = dx / length, dy / length
    towards_x, towards_y = TOWARDS[line.in_side]
    sine = along_x * towards_y - along_y * towards_x
    if abs(sine) < LEAST_SINE:
        raise UsageError(
            f"The line '{line.name}' runs {'across' if along_x**2 > along_y**2 else 'up and down'} the picture, so its in side "
            f"cannot be '{line.in_side}'; choose {'up or down' if along_x**2 > along_y**2 else 'left or right'}."
        )
    sign = 1.0 if sine > 0 else -1.0
    return Segment(x, y, along_x, along_y, -along_y * sign, along_x * sign, length)
