"""What is decided, as tables; and that no order of events leads away from the slot that works."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.updating import update_policy as policy
from safecount.updating.memory import Failed, Memory, Stage, Trial
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.release import PLACES, Release, Version, place_of
from safecount.wire.update_state import Failure, Refusal, UpdateReport, UpdateState
from safecount.wire.values import ClockQuality

HERE = policy.Device(name="door-1", board="rpi", version=Version(1, 5, 0), data=1, slot="A", committed="A")
THERE = replace(HERE, slot="B")
IMAGE_S = 1_750_000_000
YEAR_S = 365 * 86_400


def release(version: str, *, share: int = PLACES, data: int = 1, board: str = "rpi", folder: str = "") -> Release:
    digest = version.encode().ljust(32, b"\0")
    path = f"{folder or board}/{version}.raucb"
    return Release(path, Version.parse(version), board, data, share, bytes(32), "", 1000, digest)


def trial(stage: Stage, failure: Failure | None = None, slot: str = "B") -> Trial:
    return Trial("1.6.0", release("1.6.0").digest, slot, stage, reached=True, failure=failure)


NEW = release("1.6.0")
HELD = place_of(HERE.name)

OFFERS: dict[str, tuple[list[Release], Memory, Release | UpdateState | Refusal]] = {
    "nothing is listed": ([], Memory(), UpdateState.NOTHING_NEW),
    "what runs is listed": ([release("1.5.0")], Memory(), UpdateState.NOTHING_NEW),
    "what runs, and an older one": ([release("1.5.0"), release("1.4.9")], Memory(), UpdateState.NOTHING_NEW),
    "a newer one": ([release("1.5.0"), NEW], Memory(), NEW),
    "several newer ones": ([release("1.10.0"), NEW, release("1.9.9")], Memory(), release("1.10.0")),
    "only an older one": ([release("1.4.9")], Memory(), Refusal.OLDER_RELEASE),
    "for another board only": ([release("9.0.0", board="virt")], Memory(), UpdateState.NOTHING_NEW),
    "for another board, in our folder": ([release("9.0.0", board="virt", folder="rpi")], Memory(), Refusal.WRONG_BOARD),
    "the roll-out is not here yet": ([release("1.6.0", share=HELD)], Memory(), UpdateState.NOTHING_NEW),
    "the roll-out has come": ([one := release("1.6.0", share=HELD + 1)], Memory(), one),
    "halted": ([release("1.6.0", share=0)], Memory(), UpdateState.NOTHING_NEW),
    "it reads older data only": ([release("1.6.0", data=0)], Memory(), Refusal.DATA_TOO_NEW),
    "it fell back": ([NEW], Memory(failed=(Failed(NEW.digest, 1, Failure.CAMERA),)), Refusal.FAILED_BEFORE),
    "it met a power cut": ([NEW], Memory(failed=(Failed(NEW.digest, 1, Failure.NOT_BOOTED),)), NEW),
    "it met two": ([NEW], Memory(failed=(Failed(NEW.digest, 2, Failure.NOT_BOOTED),)), Refusal.FAILED_BEFORE),
    "it is installed": ([NEW], Memory(trial(Stage.INSTALLED)), UpdateState.NOTHING_NEW),
    "a newer one than is installed": ([release("1.7.0")], Memory(trial(Stage.INSTALLED)), release("1.7.0")),
}


@pytest.mark.parametrize("case", OFFERS)
def test_offers(case: str) -> None:
    offered, memory, expected = OFFERS[case]
    decision = policy.choose(HERE, memory, offered)
    match expected:
        case Release():
            assert decision == policy.Install(expected)
        case Refusal():
            assert isinstance(decision, policy.Stay)
            assert (decision.report.state, decision.report.reason) == (UpdateState.REFUSED, expected)
        case _:
            assert isinstance(decision, policy.Stay)
            assert decision.report.state is UpdateState.NOTHING_NEW


STARTS: dict[str, tuple[policy.Device, Trial | None, policy.Check | policy.Commit | policy.RollBack | None]] = {
    "an ordinary start": (HERE, None, None),
    "a slot that nobody tells": (replace(HERE, slot="-"), None, None),
    "it waits for its hour": (HERE, trial(Stage.INSTALLED), None),
    "the new slot did not come up": (HERE, trial(Stage.RESTARTING), policy.RollBack(Failure.NOT_BOOTED, restart=False)),
    "off during the check": (HERE, trial(Stage.CHECKING), policy.RollBack(Failure.INTERRUPTED, restart=False)),
    "passed, and not committed": (HERE, trial(Stage.PASSED), policy.RollBack(Failure.NOT_COMMITTED, restart=False)),
    "it failed and was left": (
        HERE,
        trial(Stage.FAILED, Failure.CAMERA),
        policy.RollBack(Failure.CAMERA, restart=False),
    ),
    "committed, memory not cleared": (HERE, trial(Stage.PASSED, slot="A"), policy.Commit()),
    "the trial begins": (THERE, trial(Stage.RESTARTING), policy.Check()),
    "the note of the restart was lost": (THERE, trial(Stage.INSTALLED), policy.Check()),
    "restarted in the middle of the check": (
        THERE,
        trial(Stage.CHECKING),
        policy.RollBack(Failure.INTERRUPTED, restart=True),
    ),
    "passed, and cut before the commit": (THERE, trial(Stage.PASSED), policy.Check()),
    "failed, and still here": (THERE, trial(Stage.FAILED, Failure.MODEL), policy.RollBack(Failure.MODEL, restart=True)),
    "a trial that nobody knows": (THERE, None, policy.RollBack(Failure.INTERRUPTED, restart=True)),
}


@pytest.mark.parametrize("case", STARTS)
def test_starts(case: str) -> None:
    device, remembered, expected = STARTS[case]
    assert policy.after_start(device, Memory(remembered)) == expected


CLOCKS = {
    "1970": (0.0, ClockQuality.SYNCED, Refusal.CLOCK_UNSET),
    "never set": (IMAGE_S + 5.0, ClockQuality.UNSET, Refusal.CLOCK_UNSET),
    "just before the image": (IMAGE_S - 1.0, ClockQuality.SYNCED, Refusal.CLOCK_UNSET),
    "now": (IMAGE_S + YEAR_S, ClockQuality.SYNCED, None),
    "estimated": (IMAGE_S + YEAR_S, ClockQuality.ESTIMATED, None),
    "2099": (4_070_908_800.0, ClockQuality.SYNCED, Refusal.CLOCK_AHEAD),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_clocks(case: str) -> None:
    utc_s, quality, expected = CLOCKS[case]
    assert policy.judge_clock(utc_s, IMAGE_S, quality) is expected


releases = st.builds(
    release,
    st.sampled_from(["1.0.0", "1.4.9", "1.5.0", "1.5.1", "1.6.0", "2.0.0"]),
    share=st.integers(0, PLACES),
    data=st.integers(0, 2),
    board=st.sampled_from(["rpi", "virt"]),
    folder=st.sampled_from(["", "rpi"]),
)


@given(st.lists(releases, max_size=6), st.sampled_from([None, *Stage]))
def test_whatever_is_listed_only_a_newer_release_for_this_device_is_installed(
    offered: list[Release], stage: Stage | None
) -> None:
    memory = Memory(None if stage is None else trial(stage, Failure.CAMERA if stage is Stage.FAILED else None))
    match policy.choose(HERE, memory, offered):
        case policy.Install(chosen):
            assert chosen in offered
            assert chosen.version > HERE.version
            assert chosen.board == HERE.board
            assert chosen.is_for(HERE.name)
            assert chosen.data >= HERE.data
            assert not memory.given_up(chosen.digest)
        case policy.Stay(report):
            assert report.state in {UpdateState.NOTHING_NEW, UpdateState.REFUSED}


@given(st.sampled_from("AB"), st.sampled_from("AB"), st.sampled_from([None, *Stage]), st.sampled_from("AB"))
def test_only_a_trial_that_passed_is_kept_and_only_its_own_slot(
    slot: str, committed: str, stage: Stage | None, in_slot: str
) -> None:
    device = replace(HERE, slot=slot, committed=committed)
    known = None if stage is None else trial(stage, Failure.CAMERA if stage is Stage.FAILED else None, in_slot)
    decision = policy.after_start(device, Memory(known))
    if isinstance(decision, policy.Commit):  # the slot is the committed one already: only the memory is cleared
        assert slot == committed == in_slot
    if isinstance(decision, policy.Check):
        assert slot != committed
    if isinstance(decision, policy.RollBack):
        assert decision.restart == (slot != committed)


def test_a_release_that_was_halted_while_it_waited_is_not_started() -> None:
    waiting = Memory(trial(Stage.INSTALLED))
    assert not policy.withdrawn(HERE, waiting, [NEW])
    assert policy.withdrawn(HERE, waiting, [replace(NEW, share=0)])
    assert policy.withdrawn(HERE, waiting, [])
    assert not policy.withdrawn(HERE, Memory(), [])


def test_a_restart_waits_for_its_hour() -> None:
    settings = UpdateSettings(restart_from="23:20", restart_until="23:40")
    waiting = Memory(trial(Stage.INSTALLED))
    assert policy.may_start_trial(settings, waiting, 1405)
    assert not policy.may_start_trial(settings, waiting, 700)
    assert not policy.may_start_trial(settings, Memory(), 1405)
    assert not policy.may_start_trial(settings, Memory(trial(Stage.CHECKING)), 1405)


def report(state: UpdateState, reason: Refusal | Failure | None = None) -> UpdateReport:
    return UpdateReport(state, reason, "1.6.0")


@pytest.mark.parametrize(
    ("before", "now", "stays"),
    [
        (report(UpdateState.UPDATED), report(UpdateState.NOTHING_NEW), True),
        (report(UpdateState.FELL_BACK, Failure.CAMERA), report(UpdateState.NOTHING_NEW), True),
        (report(UpdateState.FELL_BACK, Failure.CAMERA), report(UpdateState.REFUSED, Refusal.FAILED_BEFORE), True),
        (report(UpdateState.UPDATED), report(UpdateState.REFUSED, Refusal.EXPIRED), False),
        (report(UpdateState.FELL_BACK, Failure.CAMERA), report(UpdateState.REFUSED, Refusal.EXPIRED), False),
        (report(UpdateState.REFUSED, Refusal.EXPIRED), report(UpdateState.NOTHING_NEW), False),
    ],
)
def test_no_news_does_not_hide_what_became_of_an_update(
    before: UpdateReport,
    now: UpdateReport,
    stays: bool,  # noqa: FBT001
) -> None:
    assert policy.shown(before, now) is (before if stays else now)


def test_questions_are_spread_and_rarer_on_a_metered_line() -> None:
    settings = UpdateSettings(ask_every_s=3600)
    assert [policy.next_ask(settings, 10, draw) for draw in (min, max)] == [1810, 5410]
    metered = replace(settings, metered=True)
    assert [policy.next_ask(metered, 0, draw) for draw in (min, max)] == [43_200, 129_600]
    assert [policy.first_ask(settings, 7, draw) for draw in (min, max)] == [7, 907]
