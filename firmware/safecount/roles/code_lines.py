"""A line as site codes and the set-up page tell it, and as the counting core takes it."""

from collections.abc import Sequence

from safecount.counting.values import LineSettings
from safecount.wire.code_line import MAX_LINES, PER_MILLE, CodeLine, Side


def code_lines(lines: Sequence[LineSettings]) -> tuple[CodeLine, ...]:
    """Lines in thousandths of the picture, as many as a page can draw."""
    return tuple(
        CodeLine(
            line.door,
            (round(line.start[0] * PER_MILLE), round(line.start[1] * PER_MILLE)),
            (round(line.end[0] * PER_MILLE), round(line.end[1] * PER_MILLE)),
            Side[line.in_side.upper()],
        )
        for line in lines[:MAX_LINES]
    )


def line_settings(line: CodeLine) -> LineSettings:
    """A line of the page, or of a site code, as the counting core takes it."""
    (x1, y1), (x2, y2) = line.start, line.end
    side = line.in_side.name.lower()
    return LineSettings(
        name=line.door,
        door=line.door,
        start=(x1 / PER_MILLE, y1 / PER_MILLE),
        end=(x2 / PER_MILLE, y2 / PER_MILLE),
        in_side="right" if side == "right" else "left" if side == "left" else "down" if side == "down" else "up",
    )
