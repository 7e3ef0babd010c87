from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.delivery.ports import Failure, FailureKind
from safecount.delivery.upload_policy import (
    LONGEST_WISH_S,
    SHIPPED,
    UploadState,
    after_visit,
    at_start,
)
from safecount.delivery.uploader import Delivered

DONE = Delivered(5, 0, more=False, received_at_s=7, keyset=1)
DOWN = Failure(FailureKind.UNREACHABLE)


def longest(_: float, high: float) -> float:
    return high


def shortest(low: float, _: float) -> float:
    return low


def test_when_all_goes_well_visits_are_about_an_hour_apart() -> None:
    draw = Random("rounds").uniform
    state, now_s, visits = UploadState(0.0), 0.0, 0
    while now_s < 1000 * SHIPPED.round_s:
        now_s = state.due_s
        state = after_visit(state, DONE, now_s, draw)
        assert SHIPPED.round_s / 2 <= state.due_s - now_s <= SHIPPED.round_s * 3 / 2
        visits += 1
    assert 950 < visits < 1050


@given(st.integers(0, 64), st.integers(0, 64), st.integers(0, 2**40), st.integers(0, 2**31), st.integers())
def test_the_next_time_does_not_depend_on_what_was_delivered(
    dropped: int, held: int, received_at_s: int, keyset: int, seed: int
) -> None:
    some = Delivered(dropped, held, more=False, received_at_s=received_at_s, keyset=keyset)
    times = {after_visit(UploadState(0.0), one, 50.0, Random(seed).uniform).due_s for one in (some, DONE)}
    assert len(times) == 1


def test_a_backlog_is_worked_off_without_waiting_for_the_next_hour() -> None:
    more = Delivered(64, 0, more=True, received_at_s=7, keyset=1)
    assert after_visit(UploadState(0.0), more, 100.0, longest).due_s < 110.0


def test_waits_double_up_to_six_hours_and_are_forgotten_with_the_first_success() -> None:
    state, waits = UploadState(0.0), []
    for _ in range(20):
        state = after_visit(state, DOWN, 0.0, longest)
        waits.append(state.due_s)
    assert waits[:4] == [
        SHIPPED.first_retry_s,
        2 * SHIPPED.first_retry_s,
        4 * SHIPPED.first_retry_s,
        8 * SHIPPED.first_retry_s,
    ]
    assert waits[-1] == SHIPPED.longest_retry_s
    assert after_visit(state, DONE, 0.0, longest).failures == 0


def test_after_many_years_of_failures_the_wait_is_still_a_number() -> None:
    assert after_visit(UploadState(0.0, failures=10**6), DOWN, 0.0, longest).due_s == SHIPPED.longest_retry_s


@pytest.mark.parametrize(("wish_s", "at_least_s"), [(120, 120), (10**9, LONGEST_WISH_S), (None, 0), (0, 0)])
def test_the_collector_s_wish_is_kept_but_never_beyond_a_day(wish_s: int | None, at_least_s: float) -> None:
    visit = Failure(FailureKind.BUSY, retry_after_s=wish_s)
    waits = [after_visit(UploadState(0.0), visit, 0.0, draw).due_s for draw in (shortest, longest)]
    assert at_least_s < waits[0] < waits[1] <= at_least_s + SHIPPED.first_retry_s


def test_a_fleet_does_not_come_back_as_one() -> None:
    starts = [at_start(10.0, Random(number).uniform).due_s for number in range(200)]
    assert 10.0 <= min(starts) < 100.0
    assert 800.0 < max(starts) <= 10.0 + SHIPPED.round_s / 4
