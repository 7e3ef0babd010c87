"""`safecount-ops privacy-audit`: attack the release path, and say what could be told."""

import secrets
from collections.abc import Sequence

import click

from safecount.errors import UsageError
from safecount_ops.controller.progress import work_bar
from safecount_ops.privacy_audit.attacks import ATTACKS
from safecount_ops.privacy_audit.audit import Result, audit, cases
from safecount_ops.privacy_audit.builds import SHIPPED

TRIALS = 20_000
LEAST_TRIALS = 1000


@click.command("privacy-audit")
@click.option("--trials", default=TRIALS, show_default=True, help="Runs of each arm, without the visit and with it.")
@click.option("--attack", "attacks", multiple=True, help="Only this attack; may be given more than once.")
@click.option("--seed", type=int, help="Repeats an audit; a new one is drawn and told if left out.")
@click.option("--self-test", is_flag=True, help="Only the builds broken on purpose, each of which must be caught.")
@click.option("--processes", default=2, show_default=True, help="How many processes run trials.")
def command(trials: int, attacks: Sequence[str], seed: int | None, self_test: bool, processes: int) -> int:  # noqa: FBT001 - click's own
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
    print(f"{trials} trials an arm, seed {used}")
    return 0 if all(result.as_it_should_be for result in results) else 1


def _line(result: Result) -> str:
    finding = result.finding
    if result.case.build == SHIPPED.name:
        verdict, name = ("BREACH" if result.breach else "within"), result.case.attack
    else:
        verdict, name = ("caught" if result.breach else "NOT CAUGHT"), f"{result.case.build} ({result.case.attack})"
    shown = f"{name:32} epsilon >= {finding.epsilon:5.3f}, declared {result.bound:5.3f}: {verdict}"
    return f"{shown}; {finding.event}: {finding.hits[0]} and {finding.hits[1]} of {finding.trials}"
