"""Fitting hours to their day: right on average, surer than either alone, and as sure as it says."""

import math
import secrets
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.counting.noise import discrete_laplace
from safecount.wire.values import Node, Profile, State, node_epsilon
from safecount_ops.controller.reconcile import Estimate, fit_day, fitted, in_day, noise_variance, total
from simulators.records import HOUR_RECORD

DAY_START_S = HOUR_RECORD.start_s - HOUR_RECORD.start_s % 86_400
HOURS = [replace(HOUR_RECORD, start_s=DAY_START_S + 3600 * n, closed_monotonic_s=3600 * (n + 1)) for n in range(24)]
DAY = replace(HOUR_RECORD, node=Node.DAY, start_s=DAY_START_S, length_s=86_400, closed_monotonic_s=86_400)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.1, 1e3)), min_size=1, max_size=25),
    st.floats(-1e6, 1e6),
    st.floats(0.1, 1e3),
)
def test_hours_add_up_to_their_day_and_each_is_surer_than_before(
    hours: list[tuple[float, float]], day: float, variance: float
) -> None:
    before = [Estimate(*one) for one in hours]
    moved, whole = fitted(before, Estimate(day, variance))
    assert math.isclose(total(moved).value, whole.value, abs_tol=1e-3)
    assert whole.variance <= min(variance, total(before).variance) + 1e-9
    assert all(now.variance <= was.variance for now, was in zip(moved, before, strict=True))


@pytest.mark.parametrize("profile", list(Profile))
def test_the_variance_is_that_of_the_noise_that_the_device_draws(profile: Profile) -> None:
    record = replace(HOUR_RECORD, profile=profile)
    epsilon = node_epsilon(profile, Node.HOUR, exits=False)
    drawn = [discrete_laplace(epsilon, secrets.randbelow) for _ in range(20_000)]
    measured = sum(n * n for n in drawn) / len(drawn)
    assert measured == pytest.approx(noise_variance(record), rel=0.15)


def test_intervals_hold_at_least_nineteen_times_in_twenty_and_the_fit_helps() -> None:
    random = Random("intervals")
    true = [random.randrange(80) for _ in HOURS]
    hour_hits = day_hits = rounds = 0
    fitted_off = summed_off = own_off = 0.0
    for _ in range(400):
        noisy = [
            replace(
                one, entered=n + discrete_laplace(node_epsilon(one.profile, Node.HOUR, exits=False), random.randrange)
            )
            for one, n in zip(HOURS, true, strict=True)
        ]
        noise = discrete_laplace(node_epsilon(DAY.profile, Node.DAY, exits=False), random.randrange)
        day = replace(DAY, entered=sum(true) + noise)
        fit = fit_day([*noisy, day])
        assert fit.day_used
        assert fit.whole is not None
        whole = fit.whole[0]
        day_hits += abs(whole.value - sum(true)) <= whole.half_width
        for one, n in zip(noisy, true, strict=True):
            estimate = fit.hours[one.start_s][0]
            hour_hits += abs(estimate.value - n) <= estimate.half_width
        fitted_off += (whole.value - sum(true)) ** 2
        summed_off += (sum(one.entered or 0 for one in noisy) - sum(true)) ** 2
        own_off += noise**2
        rounds += 1
    assert day_hits / rounds > 0.93, "95 % but for chance"
    assert hour_hits / rounds / 24 > 0.945
    assert fitted_off < summed_off
    assert fitted_off < own_off * 1.05


def test_an_hour_after_a_restart_in_order_is_not_in_the_day_that_closed_before_it() -> None:
    early = replace(DAY, closed_monotonic_s=12 * 3600)
    assert [in_day(hour, early) for hour in HOURS] == [True] * 12 + [False] * 12
    values = [replace(hour, entered=10) for hour in HOURS]
    fit = fit_day([*values, replace(early, entered=120)])
    assert fit.whole is not None
    assert fit.whole[0].value == pytest.approx(240)


def test_a_lost_day_is_the_sum_of_its_hours_and_as_unsure() -> None:
    lost = replace(DAY, state=State.LOST, entered=None, coverage_s=0)
    fit = fit_day([*(replace(hour, entered=3) for hour in HOURS[:5]), lost])
    assert fit.whole is not None
    assert (fit.day_used, fit.whole[0].value) == (False, 15)
    assert fit.whole[0].variance == pytest.approx(5 * noise_variance(HOUR_RECORD))


def test_numbers_below_zero_are_added_as_they_are() -> None:
    fit = fit_day([replace(hour, entered=-2) for hour in HOURS])
    assert fit.whole is not None
    assert fit.whole[0].value == -48


def test_exits_are_fitted_of_their_own() -> None:
    with_exits = [replace(hour, exits=True, entered=1, exited=2) for hour in HOURS]
    fit = fit_day([*with_exits, replace(DAY, exits=True, entered=24, exited=48)])
    assert fit.whole is not None
    assert fit.whole[1] is not None
    assert (fit.whole[0].value, fit.whole[1].value) == pytest.approx((24, 48))
    assert fit_day([]).whole is None
