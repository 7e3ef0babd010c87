from hypothesis import given
from hypothesis import strategies as st

from safecount.counting.ledger import MAX_RUNS, Ledger

RUNS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 20)).map(lambda run: (run[0], run[0] + run[1])), max_size=30
)


@given(RUNS, st.integers(0, 520))
def test_a_moment_is_covered_if_one_of_the_runs_holds_it(runs: list[tuple[int, int]], moment: int) -> None:
    ledger = Ledger(runs)
    assert ledger.covers_any(moment, moment + 1) == any(start <= moment < end for start, end in runs)


@given(RUNS, st.integers(0, 520))
def test_the_end_before_a_moment_is_the_last_covered_one(runs: list[tuple[int, int]], moment: int) -> None:
    end = Ledger(runs).end_before(moment)
    if end is not None:
        assert end <= moment
        assert Ledger(runs).covers_any(end - 1, end)


def test_it_is_bounded_and_rather_misses_than_forgets() -> None:
    ledger = Ledger((start, start + 1) for start in range(0, 2 * (MAX_RUNS + 10), 2))
    assert all(ledger.covers_any(start, start + 1) for start in range(0, 2 * (MAX_RUNS + 10), 2))
    assert ledger.covers_any(1, 2), "the oldest hole is taken as covered"
    assert not ledger.covers_any(2 * MAX_RUNS + 17, 2 * MAX_RUNS + 18)
