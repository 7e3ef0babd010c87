"""Which stretches of time a door's bins are already accounted for, so that none is ever opened twice."""

from collections.abc import Iterable

MAX_RUNS = 64


class Ledger:
    """Runs of accounted time, joined where they touch.

    Remembers at most MAX_RUNS of them. Beyond that it forgets the hole between the two oldest, and takes that time as
    accounted for too: a bin is rather missed than released twice.
    """

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._runs: list[tuple[int, int]] = []
        for start_s, end_s in runs:
            self.add(start_s, end_s)

    def covers_any(self, start_s: int, end_s: int) -> bool:
        """Whether any moment from `start_s` up to `end_s` is accounted for."""
        return any(start_s < run_end and run_start < end_s for run_start, run_end in self._runs)

    def end_before(self, moment_s: int) -> int | None:
        """The end of the last run that ends at `moment_s` or before it."""
        return max((end_s for _, end_s in self._runs if end_s <= moment_s), default=None)

    def add(self, start_s: int, end_s: int) -> None:
        """Account for the time from `start_s` up to `end_s`."""
        apart = [run for run in self._runs if run[1] < start_s or end_s < run[0]]
        touching = [run for run in self._runs if not (run[1] < start_s or end_s < run[0])]
        joined = (min([start_s, *(run[0] for run in touching)]), max([end_s, *(run[1] for run in touching)]))
        self._runs = sorted([*apart, joined])
        if len(self._runs) > MAX_RUNS:
            first, second, *rest = self._runs
            self._runs = [(first[0], second[1]), *rest]
