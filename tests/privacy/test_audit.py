"""The audit catches what is broken and lets pass what ships. The full one: `make privacy-audit`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from safecount_ops.__main__ import main
from safecount_ops.privacy_audit.attacks import ATTACKS
from safecount_ops.privacy_audit.audit import Case, audit, cases
from safecount_ops.privacy_audit.builds import BROKEN, SHIPPED
from safecount_ops.privacy_audit.command import command
from safecount_ops.privacy_audit.trials import Task, exact_numbers, run_task

QUICK = 1000


def nothing(_: int) -> None: ...


@pytest.mark.parametrize("case", [Case("single-visit", "bare-day"), Case("single-visit", "talkative")], ids=str)
def test_a_broken_build_is_caught(case: Case) -> None:
    (result,) = audit([case], QUICK, 7, 1, nothing)
    assert result.breach
    assert result.as_it_should_be
    assert result.finding.epsilon > 3


def test_the_build_that_ships_stays_within_what_it_declares_and_is_seen_at_all() -> None:
    (result,) = audit([Case("single-visit", SHIPPED.name)], 2 * QUICK, 7, 1, nothing)
    assert not result.breach
    assert 0.1 < result.finding.epsilon <= 0.5, "an audit that sees nothing of a visit that shows 0.5 is blind"


def test_a_seed_gives_the_same_trials_again() -> None:
    task = Task("single-visit", SHIPPED.name, 1, 0, 50, seed=3)
    one, two = run_task(task), run_task(task)
    assert {key: list(values) for key, values in one.numbers.items()} == {
        key: list(values) for key, values in two.numbers.items()
    }
    assert one.outside == two.outside


@pytest.mark.parametrize("name", ATTACKS)
def test_the_arms_of_an_attack_differ_in_the_visits_alone(name: str) -> None:
    attack = ATTACKS[name]()
    without, with_visit = exact_numbers(attack, 0), exact_numbers(attack, 1)
    assert without.keys() == with_visit.keys()
    assert without != with_visit


def test_every_broken_build_has_an_attack() -> None:
    assert {case.build for case in cases(list(ATTACKS), shipped=False, self_test=True)} == {one.name for one in BROKEN}


@pytest.mark.parametrize("wrong", [["--trials", "10"], ["--attack", "none"]])
def test_what_cannot_be_audited_is_said_in_one_sentence(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy-audit", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["collector", "collusion"])
def test_sealed_attacks_see_what_their_attacker_sees(name: str) -> None:
    sample = run_task(Task(name, SHIPPED.name, 1, 0, 5, seed=3))
    assert bool(sample.numbers) == (name == "collusion")
    assert len(set(sample.outside)) == 1


@pytest.mark.parametrize("build", ["unpadded", "only-if-many"])
def test_the_collector_would_see_what_depends_on_a_count(build: str) -> None:
    samples = [run_task(Task("collector", build, arm, 0, 40, seed=3)) for arm in (0, 1)]
    assert len({form for sample in samples for form in sample.outside}) > 1


def test_the_command_leaves_a_report_of_one_file_without_scripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "new" / "report.html"
    options = ["--trials", "1000", "--seed", "5", "--attack", "strict", "--processes", "1", "--report", str(report)]
    assert main(["privacy-audit", *options]) == 0
    assert "strict " in capsys.readouterr().out
    page = report.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "seed 5" in page
    assert page.count("<svg") == 3


@pytest.mark.soak
def test_the_whole_audit(tmp_path: Path) -> None:
    options = ["--seed", "1", "--report", str(tmp_path / "report.html")]
    done = CliRunner().invoke(command, options, standalone_mode=False)
    assert done.return_value == 0, done.output
