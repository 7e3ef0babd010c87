"""`safecount-ops privacy-audit`: attack the release path, and say what could be told."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount_ops.controller.progress import work_bar
from safecount_ops.privacy_audit.attacks import ATTACKS
from safecount_ops.privacy_audit.audit import Result, audit, cases
from safecount_ops.privacy_audit.report import Run, render

TRIALS = 20_000
LEAST_TRIALS = 1000


@click.command("privacy-audit")
@click.option("--trials", default=TRIALS, show_default=True, help="Runs of each arm, without the visit and with it.")
@click.option("--attack", "attacks", multiple=True, help="Only this attack; may be given more than once.")
@click.option("--seed", type=int, help="Repeats an audit; a new one is drawn and told if left out.")
@click.option("--self-test", is_flag=True, help="Only the builds broken on purpose, each of which must be caught.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("privacy-audit.html"),
    show_default=True,
    help="Where the report goes.",
)
@click.option("--processes", default=2, show_default=True, help="How many processes run trials.")
def command(  # noqa: PLR0917 - click's own
    trials: int,
    attacks: Sequence[str],
    seed: int | None,
    self_test: bool,  # noqa: FBT001 - click's own
    report: Path,
    processes: int,
) -> int:
    """Attack the release path, and builds broken on purpose, and say what could be told."""
    if trials < LEAST_TRIALS:
        raise UsageError(f"--trials must be at least {LEAST_TRIALS}: fewer show nothing.")
    if unknown := set(attacks) - set(ATTACKS):
        raise UsageError(f"There is no attack {min(unknown)}; there are: {', '.join(ATTACKS)}.")
    used = secrets.randbelow(2**32) if seed is None else seed
    wanted = cases(attacks or list(ATTACKS), shipped=not self_test, self_test=True)
    with work_bar("attacking", 2 * trials * len(wanted)) as show:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            show(done, 2 * trials * len(wanted))

        results = audit(wanted, trials, used, max(1, processes), count)
    for result in results:
        print(_line(result))
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(render(results, Run(made, trials, used)), encoding="utf-8")
    print(f"{trials} trials an arm, seed {used}; report: {report}")
    return 0 if all(result.as_it_should_be for result in results) else 1


def _line(result: Result) -> str:
    finding = result.finding
    yes, no = ("BREACH", "within") if result.shipped else ("caught", "NOT CAUGHT")
    verdict = yes if result.breach else no
    shown = f"{result.name:28} epsilon >= {finding.epsilon:5.3f}, declared {result.bound:5.3f}: {verdict}"
    return f"{shown}; {finding.event}: {finding.hits[0]} and {finding.hits[1]} of {finding.trials}"
