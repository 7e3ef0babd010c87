"""The audit: every attack on the build that ships must stay within its bound, every broken build must be caught."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safecount_ops.privacy_audit.attacks import ATTACKS
from safecount_ops.privacy_audit.builds import BROKEN, SHIPPED
from safecount_ops.privacy_audit.events import Finding, strongest, trade_off
from safecount_ops.privacy_audit.trials import CHUNK, Sample, Task, exact_numbers, joined, run_all

ERROR = 0.05
"""With this probability at most any of an audit's lower bounds is above the truth: shared by all attacks and events."""


@dataclass(frozen=True, slots=True)
class Case:
    """One attack on one build."""

    attack: str
    build: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the attack found, and the privacy loss declared for it. `trade`: points of (wrongly, rightly suspected)."""

    case: Case
    bound: float
    finding: Finding
    trade: tuple[tuple[float, float], ...]

    @property
    def shipped(self) -> bool:
        return self.case.build == SHIPPED.name

    @property
    def name(self) -> str:
        return self.case.attack if self.shipped else f"{self.case.build}: {self.case.attack}"

    @property
    def breach(self) -> bool:
        return self.finding.epsilon > self.bound

    @property
    def as_it_should_be(self) -> bool:
        return self.breach != self.shipped


def cases(attacks: Sequence[str], *, shipped: bool, self_test: bool) -> list[Case]:
    """The attacks on the build that ships, and the one on each broken build that must catch it."""
    mine = [Case(attack, SHIPPED.name) for attack in attacks] if shipped else []
    broken = [Case(build.attack, build.name) for build in BROKEN if build.attack in attacks] if self_test else []
    return mine + broken


def audit(wanted: Sequence[Case], trials: int, seed: int, processes: int, done: Callable[[int], None]) -> list[Result]:
    """Run `trials` of each arm of every case. `done` is told how many trials were run since the last call."""
    tasks = {case: [_arm_tasks(case, arm, trials, seed) for arm in (0, 1)] for case in wanted}
    samples = run_all([task for arms in tasks.values() for arm in arms for task in arm], processes, done)
    return [
        _result(case, tuple(joined([samples[task] for task in arm]) for arm in arms), ERROR / len(wanted))
        for case, arms in tasks.items()
    ]


def _arm_tasks(case: Case, arm: int, trials: int, seed: int) -> list[Task]:
    return [
        Task(case.attack, case.build, arm, chunk, min(CHUNK, trials - start), seed)
        for chunk, start in enumerate(range(0, trials, CHUNK))
    ]


def _result(case: Case, arms: tuple[Sample, ...], error: float) -> Result:
    attack = ATTACKS[case.attack]()
    exact = exact_numbers(attack, 0), exact_numbers(attack, 1)
    both = arms[0], arms[1]
    return Result(case, float(attack.bound), strongest(attack, both, exact, error), trade_off(attack, both, exact))
