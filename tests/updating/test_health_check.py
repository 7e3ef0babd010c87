"""The trial's check, sample by sample."""

from dataclasses import replace

import pytest

from safecount.updating.health_check import HealthCheck, Healthy, Sample, Undecided, Unhealthy, Verdict
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.update_state import Failure

SETTINGS = UpdateSettings(trial_s=600, settle_s=180)
GOOD = Sample(frames=True, model=True, sealed=True, reached=True, services=True, memory_free=0.4, temperature_c=55.0)
BAD = {
    Failure.CAMERA: replace(GOOD, frames=False),
    Failure.MODEL: replace(GOOD, model=False),
    Failure.SERVICES: replace(GOOD, services=False),
    Failure.MEMORY: replace(GOOD, memory_free=0.04),
    Failure.TEMPERATURE: replace(GOOD, temperature_c=84.5),
}
NEVER = {Failure.RECORDS: replace(GOOD, sealed=False), Failure.UPLINK: replace(GOOD, reached=False)}


def watch(*spans: tuple[int, Sample], reached_before: bool = True) -> tuple[Verdict, int]:
    """The first verdict that decides, and when; a sample every 5 s, each one until its time."""
    check = HealthCheck(SETTINGS, reached_before=reached_before)
    at_s = 0
    for until_s, sample in spans:
        while at_s <= until_s:
            verdict = check.judge(sample, at_s)
            if not isinstance(verdict, Undecided):
                return verdict, at_s
            at_s += 5
    return Undecided(), at_s


def test_a_good_device_passes_when_the_time_is_over_and_not_before() -> None:
    assert watch((700, GOOD)) == (Healthy(), 600)


@pytest.mark.parametrize("failure", BAD)
def test_what_stays_bad_fails_soon_after_the_settling_time(failure: Failure) -> None:
    verdict, at_s = watch((700, BAD[failure]))
    assert verdict == Unhealthy(failure)
    assert 180 < at_s <= 230


@pytest.mark.parametrize("failure", BAD)
def test_what_starts_slowly_or_stumbles_once_passes(failure: Failure) -> None:
    assert watch((175, BAD[failure]), (300, GOOD), (340, BAD[failure]), (700, GOOD)) == (Healthy(), 600)


@pytest.mark.parametrize("failure", BAD)
def test_what_breaks_at_the_end_fails(failure: Failure) -> None:
    assert watch((590, GOOD), (700, BAD[failure])) == (Unhealthy(failure), 600)


@pytest.mark.parametrize("failure", NEVER)
def test_what_never_happened_fails_at_the_end(failure: Failure) -> None:
    assert watch((700, NEVER[failure])) == (Unhealthy(failure), 600)


def test_a_collector_that_was_not_reached_before_need_not_be_reached_now() -> None:
    assert watch((700, NEVER[Failure.UPLINK]), reached_before=False) == (Healthy(), 600)


def test_what_cannot_be_known_is_not_held_against_the_release() -> None:
    unknown = Sample(None, None, None, None, services=True, memory_free=0.4, temperature_c=None)
    assert watch((700, unknown)) == (Healthy(), 600)
