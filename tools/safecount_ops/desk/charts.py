"""The report's drawings, as SVG without scripts: the scene as lines only, and each line's crossings over time.

Text and axes take the page's own colour (currentColor), so that one drawing serves light and dark. Each is drawn twice,
wide and narrow: shrinking the wide one for a phone would shrink its letters too. There is no pixel of the clip in them.
"""

from typing import Any, Literal

import altair as alt

from safecount.counting.geometry import segment
from safecount.counting.values import ImageDirection, LineSettings
from safecount_ops.desk.result import ClipResult, Collected, LineResult
from safecount_ops.drawing import WIDTHS_PX, Drawing, svg

# Blue and orange of Okabe and Ito 2008, told apart with any colour vision, moved to where both light and dark bear them.
COLOURS = {"in": "#2b8cd8", "out": "#e07b00", "no line": "currentColor"}
ALIGN: dict[ImageDirection, Literal["left", "right", "center"]] = {
    "right": "left",
    "left": "right",
    "down": "center",
    "up": "center",
}
MAX_POINTS_PER_PATH = 200


def scene(collected: Collected, lines: tuple[LineResult, ...]) -> Drawing:
    """The outline of the picture, the counting lines with their in sides, and the paths people took."""
    return Drawing(*(svg(_scene(collected, [line.line for line in lines], px)) for px in WIDTHS_PX.values()))


def timeline(result: LineResult, duration_s: float) -> Drawing:
    """One line's crossings: how the counts grow, and below each moment, with the true ones where they are known."""
    return Drawing(*(svg(_timeline(result, duration_s, px)) for px in WIDTHS_PX.values()))


def _scene(collected: Collected, lines: list[LineSettings], width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    width, height = collected.size
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, width], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[height, 0], nice=False), axis=None)
    points = [
        {"x": px, "y": py, "person": number, "way": path.way, "order": order}
        for number, path in enumerate(collected.paths.values())
        for order, (px, py) in enumerate(path.points[:: 1 + len(path.points) // MAX_POINTS_PER_PATH])
        if len(path.points) > 2
    ]
    way = alt.Color("way:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None)
    faint = alt.condition("datum.way == 'no line'", alt.value(0.3), alt.value(0.75))
    base = alt.Chart(alt.InlineData(values=points))
    paths = base.mark_line(strokeWidth=width_px / 400, strokeCap="round", interpolate="monotone").encode(
        x=x, y=y, detail="person:N", order="order:Q", color=way, opacity=faint
    )
    starts = (
        base.transform_filter("datum.order == 0")
        .mark_point(filled=True, size=width_px / 40)
        .encode(x=x, y=y, color=way, opacity=faint)
    )
    layers = [paths, starts]
    for line in lines:
        layers += _line_layers(line, collected.size, width_px)
    return alt.layer(*layers).properties(width=width_px, height=round(width_px * height / width))


def _line_layers(line: LineSettings, size: tuple[int, int], width_px: int) -> list[Any]:
    """A counting line, and an arrow across its middle that points to its in side."""
    laid = segment(line, size)
    middle_x, middle_y = laid.x + laid.along_x * laid.length / 2, laid.y + laid.along_y * laid.length / 2
    long = size[0] * 0.05
    tip_x, tip_y = middle_x + laid.in_x * long, middle_y + laid.in_y * long
    ends = [
        {
            "x": laid.x,
            "y": laid.y,
            "x2": laid.x + laid.along_x * laid.length,
            "y2": laid.y + laid.along_y * laid.length,
        },
        {"x": middle_x, "y": middle_y, "x2": tip_x, "y2": tip_y},
    ]
    rule = alt.Chart(alt.InlineData(values=ends)).mark_rule(color="currentColor", strokeWidth=2.5)
    turn = {"right": 90, "left": 270, "down": 180, "up": 0}[line.in_side]
    tip = alt.Chart(alt.InlineData(values=[{"x": tip_x, "y": tip_y}]))
    away = {"right": (14, 1), "left": (-14, 1), "down": (0, 18), "up": (0, -16)}[line.in_side]
    word = tip.mark_text(
        text=f"in: {line.name}",
        dx=away[0],
        dy=away[1],
        color="currentColor",
        fontSize=14,
        fontWeight="bold",
        align=ALIGN[line.in_side],
    )
    head = tip.mark_point(
        shape="triangle", filled=True, angle=turn, size=max(60, width_px / 5), color="currentColor", opacity=1
    )
    return [
        rule.encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"),
        head.encode(x="x:Q", y="y:Q"),
        word.encode(x="x:Q", y="y:Q"),
    ]


def _timeline(result: LineResult, duration_s: float, width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    known = result.true_events is not None
    kinds = [("counted", result.events)] + ([("true", result.true_events or ())] if known else [])
    grown, moments = [], []
    for kind, events in kinds:
        for way, direction in zip(("in", "out"), result.directions, strict=True):
            at_s = sorted(moment for moment, of_event in events if of_event == direction)
            row = {"kind": kind, "way": way, "row": f"{way}, {kind}" if known else way}
            steps = [(0.0, 0), *((moment, n) for n, moment in enumerate(at_s, 1)), (duration_s, len(at_s))]
            grown += [{**row, "s": moment, "n": n} for moment, n in steps]
            moments += [{**row, "s": moment} for moment in at_s]
    x = alt.X("s:Q", title="seconds", scale=alt.Scale(domain=[0, duration_s], nice=False))
    colour = alt.Color(
        "way:N", scale=alt.Scale(domain=["in", "out"], range=[COLOURS["in"], COLOURS["out"]]), legend=None
    )
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["counted", "true"], range=[[1, 0], [4, 4]]), legend=None)
    lines = alt.Chart(alt.InlineData(values=grown)).mark_line(interpolate="step-after", strokeWidth=2)
    upper = lines.encode(
        x=x.title(None),
        y=alt.Y("n:Q", title="people so far", axis=alt.Axis(tickMinStep=1)),
        color=colour,
        strokeDash=dash,
    ).properties(width=width_px - 90, height=180)
    rows = [f"{way}, {kind}" for way in ("in", "out") for kind, _ in kinds] if known else ["in", "out"]
    ticks = alt.Chart(alt.InlineData(values=moments)).mark_tick(thickness=2)
    lower = ticks.encode(x=x, y=alt.Y("row:N", title=None, scale=alt.Scale(domain=rows)), color=colour).properties(
        width=width_px - 90, height=22 * len(rows)
    )
    return alt.vconcat(upper, lower, spacing=12)


def drawings(result: ClipResult) -> tuple[Drawing, list[Drawing]]:
    """The scene, and a timeline for each line."""
    duration_s = result.collected.duration_s
    return scene(result.collected, result.lines), [timeline(line, duration_s) for line in result.lines]
