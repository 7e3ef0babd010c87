"""The audit's report: one HTML file that needs no network and runs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from safecount_ops import __version__
from safecount_ops.privacy_audit.attacks import ATTACKS
from safecount_ops.privacy_audit.audit import ERROR, Result
from safecount_ops.privacy_audit.charts import bounds, trade
from safecount_ops.privacy_audit.trials import BUILDS


@dataclass(frozen=True, slots=True)
class Run:
    """How an audit was run. `made` is its time as text (UTC)."""

    made: str
    trials: int
    seed: int


def render(results: Sequence[Result], run: Run) -> str:
    """The report as HTML text."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        files("safecount_ops.privacy_audit").joinpath("report.html").read_text(encoding="utf-8")
    )
    shipped = [result for result in results if result.shipped]
    return page.render(
        run=run,
        version=__version__,
        sure=f"{100 * (1 - ERROR):.0f} %",
        good=all(result.as_it_should_be for result in results),
        shipped=shipped,
        broken=[result for result in results if not result.shipped],
        chart=bounds(results),
        trades=[(result, trade(result)) for result in shipped],
        attacks={name: make() for name, make in ATTACKS.items()},
        builds=BUILDS,
    )
