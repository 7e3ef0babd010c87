"""The controller's report: one HTML file that needs no network and runs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined

from safecount_ops import __version__
from safecount_ops.controller.charts import Truth, by_day, by_hour, by_week
from safecount_ops.controller.reconcile import Estimate, total
from safecount_ops.controller.table import Row, Status, Table, iso
from safecount_ops.drawing import Drawing

MAX_EVENTS = 100
WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class DoorSum:
    """A door over the whole period. `watched` is the share of its time that was watched."""

    door: str
    entered: Estimate | None
    exited: Estimate | None
    watched: float
    unknown_hours: int


@dataclass(frozen=True, slots=True)
class SitePart:
    """One site's part of the report."""

    site: str
    first: date
    last: date
    entered: Estimate | None
    doors: tuple[DoorSum, ...]
    charts: tuple[tuple[str, Drawing], ...]
    days: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a report: its title and when it was made (UTC seconds)."""

    title: str
    made_at_s: int


def render(table: Table, verdict: Sequence[str], heading: Heading, truth: Truth | None = None) -> str:
    """The report as HTML text. `verdict` is what `verify` says, a sentence a line. `truth` is known at a desk only."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        files("safecount_ops.controller").joinpath("report.html").read_text(encoding="utf-8")
    )
    return page.render(
        title=heading.title,
        sites=[_site(site, table, truth or {}) for site in sorted({row.site for row in table.days})],
        events=table.events[-MAX_EVENTS:],
        events_left_out=max(0, len(table.events) - MAX_EVENTS),
        verdict=verdict,
        truth_known=truth is not None,
        made=iso(heading.made_at_s),
        version=__version__,
        people=people,
        moment=iso,
    )


def people(estimate: Estimate | None) -> str:
    """As "123 ± 9", or "no data". What noise has put below zero is shown as zero here, and here only."""
    if estimate is None:
        return "no data"
    return f"{max(0, round(estimate.value))} ± {max(1, round(estimate.half_width))}"


def _site(site: str, table: Table, truth: Truth) -> SitePart:
    days = [row for row in table.days if row.site == site]
    hours = [row for row in table.hours if row.site == site]
    charts = [("Day by day", by_day(days)), ("Hour by hour", by_hour(hours, truth))]
    if len({row.day for row in days}) >= WEEK_DAYS:
        charts.append(("The week", by_week(hours)))
    known = [row.entered for row in days if row.entered is not None]
    ordered = sorted(days, key=lambda row: row.door)
    return SitePart(
        site,
        min(row.day for row in days),
        max(row.day for row in days),
        total(known) if known else None,
        tuple(_door(door, list(group), hours) for door, group in groupby(ordered, key=lambda row: row.door)),
        tuple(charts),
        tuple(sorted(days, key=lambda row: (row.day, row.door))),
    )


def _door(door: str, days: Sequence[Row], hours: Sequence[Row]) -> DoorSum:
    entered = [row.entered for row in days if row.entered is not None]
    exited = [row.exited for row in days if row.exited is not None]
    mine = [row for row in hours if row.door == door]
    return DoorSum(
        door,
        total(entered) if entered else None,
        total(exited) if exited else None,
        sum(row.watched_s for row in mine) / max(1, sum(row.length_s for row in mine)),
        sum(row.status in {Status.LOST, Status.MISSING} for row in mine),
    )
