"""The charts of the controller's report: days, hours, the week. Intervals are drawn, and time without data is shaded.

Altair draws them; numbers below zero, which noise can make, are drawn at zero here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from safecount_ops.controller.table import Row, Status
from safecount_ops.drawing import WIDTHS_PX, Drawing, svg

# Okabe and Ito 2008: told apart with any colour vision.
DOOR_COLOURS = ["#2b8cd8", "#e07b00", "#009e73", "#cc79a7", "#b0a000", "#8470c8"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_NO_DATA = "#888888"
DAYS_SHOWN = 62
HOURS_SHOWN = 24 * 7


def by_day(days: Sequence[Row]) -> Drawing:
    """Entries of each local day and door, with their intervals."""
    shown = _last_days(days, DAYS_SHOWN)
    return _both(lambda px: _bars(shown, px))


Truth = Mapping[tuple[str, int], float]
"""How many truly came in, by door and the hour's start (UTC seconds): known at a desk, of a clip, and nowhere else."""


def by_hour(hours: Sequence[Row], truth: Truth) -> Drawing:
    """Entries of each hour of the last days, a door below the other, with the truth as points where it is known."""
    end_s = max((row.start_s for row in hours), default=0)
    shown = [row for row in hours if row.start_s > end_s - HOURS_SHOWN * 3600]
    return _both(lambda px: _steps(shown, truth, px))


def by_week(hours: Sequence[Row]) -> Drawing:
    """The mean of each hour of the week over all doors together, as a map of colours."""
    return _both(lambda px: _week(hours, px))


def _both(draw: Any) -> Drawing:  # noqa: ANN401 - a function that gives altair's layers
    return Drawing(svg(draw(WIDTHS_PX["wide"])), svg(draw(WIDTHS_PX["narrow"])))


def _last_days(days: Sequence[Row], count: int) -> list[Row]:
    last = sorted({row.day for row in days})[-count:]
    return [row for row in days if row.day in set(last)]


def _values(row: Row) -> dict[str, Any]:
    known = row.entered
    local = row.local
    end = local.timestamp() + row.length_s
    return {
        "door": row.door,
        "day": row.day.isoformat(),
        "from": local.replace(tzinfo=None).isoformat(),
        "to": type(local).fromtimestamp(end, local.tzinfo).replace(tzinfo=None).isoformat(),
        "n": None if known is None else max(0.0, known.value),
        "low": None if known is None else max(0.0, known.value - known.half_width),
        "high": None if known is None else max(0.0, known.value + known.half_width),
        "part": row.status is Status.PARTLY,
    }


def _colour(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - altair's channel
    doors = sorted({row.door for row in rows})
    scale = alt.Scale(domain=doors, range=[DOOR_COLOURS[n % len(DOOR_COLOURS)] for n in range(len(doors))])
    return alt.Color("door:N", scale=scale, legend=alt.Legend(orient="bottom", title=None) if len(doors) > 1 else None)


def _bars(rows: Sequence[Row], width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    values = [_values(row) for row in rows]
    known, unknown = [one for one in values if one["n"] is not None], [one for one in values if one["n"] is None]
    every = sorted({one["day"] for one in values})
    axis = alt.Axis(labelOverlap=True, labelAngle=0, labelExpr="utcFormat(toDate(datum.value), '%d %b')")
    x = alt.X("day:O", title=None, scale=alt.Scale(domain=every), axis=axis)
    offset = alt.XOffset("door:N", scale=alt.Scale(domain=sorted({row.door for row in rows})))
    top = alt.Y("n:Q", title="people who came in", stack=None)
    base = alt.Chart(alt.InlineData(values=known))
    bars = base.mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(
        x=x,
        xOffset=offset,
        y=top,
        color=_colour(rows),
        opacity=alt.condition("datum.part", alt.value(0.45), alt.value(0.9)),
    )
    whiskers = base.mark_rule(color="currentColor", strokeWidth=1.5).encode(
        x=x, xOffset=offset, y=alt.Y("low:Q"), y2="high:Q"
    )
    layers = [bars, whiskers]
    if unknown:
        shade = alt.Chart(alt.InlineData(values=unknown)).mark_bar(color=_NO_DATA, opacity=0.25)
        layers.insert(0, shade.encode(x=x, xOffset=offset, y=alt.datum(0), y2=alt.value(0)))
        layers.append(
            alt.Chart(alt.InlineData(values=unknown))
            .mark_text(text="no data", angle=270, color="currentColor", align="left", fontSize=9)
            .encode(x=x, xOffset=offset, y=alt.value(244))
        )
    return alt.layer(*layers).properties(width=width_px - 90, height=250)


def _steps(rows: Sequence[Row], truth: Truth, width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    doors = sorted({row.door for row in rows})
    most = max((one["high"] for one in map(_values, rows) if one["high"] is not None), default=1.0)
    charts = [_door_steps([row for row in rows if row.door == door], rows, most, truth, width_px) for door in doors]
    return alt.vconcat(*charts, spacing=14)


def _door_steps(mine: Sequence[Row], rows: Sequence[Row], most: float, truth: Truth, width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    values = [_values(row) for row in mine]
    known, unknown = [one for one in values if one["n"] is not None], [one for one in values if one["n"] is None]
    first, last = min(one["from"] for one in map(_values, rows)), max(one["to"] for one in map(_values, rows))
    days = len({row.day for row in rows})
    shown = "%H:%M" if days <= 1 else "%a %d %b"
    x = alt.X(
        "from:T",
        title=None,
        scale=alt.Scale(domain=[first, last], nice=False),
        axis=alt.Axis(format=shown, tickCount={"interval": "day", "step": 1} if days > 1 else 8, labelOverlap=True),
    )
    scale = alt.Scale(domain=[0, most], nice=True)
    base = alt.Chart(alt.InlineData(values=known))
    bars = base.mark_rect(opacity=0.75).encode(
        x=x,
        x2="to:T",
        y=alt.Y("n:Q", title="came in", scale=scale),
        y2=alt.datum(0),
        color=_colour(rows).legend(None),
        opacity=alt.condition("datum.part", alt.value(0.4), alt.value(0.8)),
    )
    middle = (
        base.transform_calculate(middle="(toDate(datum.from) * 1 + toDate(datum.to) * 1) / 2")
        .mark_rule(color="currentColor", strokeWidth=1, opacity=0.7)
        .encode(x=alt.X("middle:T"), y=alt.Y("low:Q"), y2="high:Q")
    )
    layers = [bars, middle]
    if unknown:
        shade = alt.Chart(alt.InlineData(values=unknown)).mark_rect(color=_NO_DATA, opacity=0.3)
        layers.insert(0, shade.encode(x=x, x2="to:T"))
    true = [_values(row) | {"true": truth.get((row.door, row.start_s), 0.0)} for row in mine] if truth else []
    if true:
        points = alt.Chart(alt.InlineData(values=true)).mark_point(shape="diamond", size=40, color="currentColor")
        middle_of = points.transform_calculate(middle="(toDate(datum.from) * 1 + toDate(datum.to) * 1) / 2")
        layers.append(middle_of.encode(x=alt.X("middle:T"), y=alt.Y("true:Q")))
    return alt.layer(*layers).properties(
        width=width_px - 90,
        height=110,
        title=alt.Title(mine[0].door, color="currentColor", anchor="start", fontSize=13),
    )


def _week(rows: Sequence[Row], width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    sums: dict[tuple[int, int, str], float] = {}
    for row in rows:
        if row.entered is not None and row.status is Status.COUNTED:
            place = (row.local.weekday(), row.local.hour, row.day.isoformat())
            sums[place] = sums.get(place, 0.0) + row.entered.value
    means: dict[tuple[int, int], list[float]] = {}
    for (weekday, hour, _), value in sums.items():
        means.setdefault((weekday, hour), []).append(value)
    values = [
        {"day": WEEKDAYS[weekday], "hour": hour, "n": max(0.0, sum(found) / len(found))}
        for (weekday, hour), found in means.items()
    ]
    return (
        alt.Chart(alt.InlineData(values=values))
        .mark_rect()
        .encode(
            x=alt.X(
                "hour:O", title="hour of the day", scale=alt.Scale(domain=list(range(24))), axis=alt.Axis(labelAngle=0)
            ),
            y=alt.Y("day:O", title=None, scale=alt.Scale(domain=WEEKDAYS)),
            color=alt.Color(
                "n:Q", scale=alt.Scale(scheme="blues"), legend=alt.Legend(orient="bottom", title="mean an hour")
            ),
        )
        .properties(width=width_px - 90, height=170)
    )
