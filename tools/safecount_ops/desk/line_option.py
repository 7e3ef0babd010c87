"""A counting line as it is written on the command line: X1,Y1,X2,Y2[:IN-SIDE[:NAME]], and the one taken without any."""

from typing import cast, get_args

from safecount.counting.geometry import segment
from safecount.counting.values import ImageDirection, LineSettings
from safecount.errors import UsageError

FORM = "X1,Y1,X2,Y2[:IN-SIDE[:NAME]], such as 0.5,0,0.5,1:right:door"


def parse_line(text: str, number: int) -> LineSettings:
    """Read one line. Without an in side, it is right for a line that runs rather up and down, else down.

    Raises:
        UsageError: not of that form, outside of the picture, of no length, or along its own in side.
    """
    ends, _, rest = text.partition(":")
    side, _, name = rest.partition(":")
    try:
        x1, y1, x2, y2 = (float(share) for share in ends.split(","))
    except ValueError as error:
        raise UsageError(f"The line '{text}' is not of the form {FORM}.") from error
    side = side or ("right" if abs(y2 - y1) >= abs(x2 - x1) else "down")
    if side not in get_args(ImageDirection):
        raise UsageError(
            f"The line '{text}' has the in side '{side}'; it may be {', '.join(get_args(ImageDirection))}."
        )
    name = name or f"line {number}"
    line = LineSettings(name, name, (x1, y1), (x2, y2), cast("ImageDirection", side))
    segment(line, (1000, 1000))  # tells what is wrong with it before a model or a clip is fetched
    return line


def default_line(picture: tuple[int, int]) -> tuple[LineSettings, str]:
    """The line for a clip of (width, height) that came without one, and the rule by which it was taken."""
    width, height = picture
    if width >= height:
        line = LineSettings("middle", "middle", (0.5, 0.0), (0.5, 1.0), "right")
        rule = "None was given: a picture at least as wide as high gets one down its middle, in is to the right."
    else:
        line = LineSettings("middle", "middle", (0.0, 0.5), (1.0, 0.5), "down")
        rule = "None was given: a picture higher than wide gets one across its middle, in is downwards."
    return line, rule
