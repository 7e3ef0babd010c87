"""The charts of the audit's report: what each attack found beside what is declared, and what an attacker trades."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from safecount_ops.drawing import WIDTHS_PX, Drawing, svg
from safecount_ops.privacy_audit.audit import Result

_WITHIN, _ABOVE, _DECLARED = "#2b8cd8", "#e07b00", "#009e73"  # Okabe and Ito 2008: told apart with any colour vision
_ROW_PX = 24
_POINTS = 41


def bounds(results: Sequence[Result]) -> Drawing:
    """A row a case: the lower bound as a bar, the declared epsilon as a tick."""
    return Drawing(*(svg(_bounds(results, WIDTHS_PX[name])) for name in ("wide", "narrow")))


def trade(result: Result) -> Drawing:
    """How often an attacker is right about a visit, for how often he is wrong without one, and what is declared to be the
    most: both min(exp(e) x, 1 - exp(-e) (1 - x)) (Wasserman and Zhou 2010).
    """
    return Drawing(*(svg(_trade(result, WIDTHS_PX[name])) for name in ("wide", "narrow")))


def _bounds(results: Sequence[Result], width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    values = [
        {
            "case": result.name,
            "found": result.finding.epsilon,
            "declared": result.bound,
            "is": "above" if result.breach else "within",
        }
        for result in results
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("case:N", sort=None, title=None, axis=alt.Axis(labelLimit=180))
    )
    colour = alt.Color(
        "is:N",
        scale=alt.Scale(domain=["within", "above"], range=[_WITHIN, _ABOVE]),
        legend=alt.Legend(orient="bottom", title="lower bound"),
    )
    bars = base.mark_bar(height=10).encode(x=alt.X("found:Q", title="epsilon"), color=colour)
    ticks = base.mark_tick(color=_DECLARED, thickness=3, size=20).encode(x="declared:Q")
    return alt.layer(bars, ticks).properties(width=width_px - 200, height=_ROW_PX * len(values))


def _trade(result: Result, width_px: int) -> Any:  # noqa: ANN401 - altair's layers
    size = min(300, width_px - 80)
    axes = {
        "x": alt.X("wrong:Q", title="suspects a visit, wrongly", scale=alt.Scale(domain=[0, 1])),
        "y": alt.Y("right:Q", title="suspects a visit, rightly", scale=alt.Scale(domain=[0, 1])),
    }
    steps = [number / (_POINTS - 1) for number in range(_POINTS)]
    most = [
        {"wrong": x, "right": min(1.0, math.exp(result.bound) * x, 1 - math.exp(-result.bound) * (1 - x))}
        for x in steps
    ]
    found = [{"wrong": wrong, "right": right} for wrong, right in result.trade]
    limit = alt.Chart(alt.InlineData(values=most)).mark_line(color=_DECLARED, strokeDash=[6, 3]).encode(**axes)
    guess = alt.Chart(alt.InlineData(values=[{"wrong": x, "right": x} for x in (0, 1)]))
    line = (
        alt.Chart(alt.InlineData(values=found))
        .mark_line(color=_WITHIN, strokeWidth=2.5)
        .encode(**axes, order="wrong:Q")
    )
    return alt.layer(guess.mark_line(color="currentColor", opacity=0.3).encode(**axes), limit, line).properties(
        width=size, height=size
    )
