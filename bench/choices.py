"""What each choice of the tracker and the line counter is worth: the event error when it is left out, on the grader's input.

Prints one table for docs/adr/0003. `--seed` makes other crowds than those that the settings were chosen with; several
are added up.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the grader loads this file from elsewhere
import line_crossing
import rivals

from safecount.counting.counting_settings import LineCounterSettings, TrackerSettings

SHIPPED = TrackerSettings()
LINE = LineCounterSettings()
FOR_EVER = 1e9
NO_LIMIT = 1e9
CHOICES = (
    ("as shipped", SHIPPED, LINE),
    ("nobody is expected to move on", replace(SHIPPED, speed=0.01, acceleration=0.01), LINE),
    ("belief in a speed does not fade", replace(SHIPPED, fade_s=FOR_EVER), LINE),
    ("no size in cost or gate", replace(SHIPPED, size_weight=0.0, size_limit=NO_LIMIT), LINE),
    ("gate of 1.6 body sizes", replace(SHIPPED, gate=1.6), LINE),
    ("gate of 0.6 body sizes", replace(SHIPPED, gate=0.6), LINE),
    ("weak boxes are ignored", replace(SHIPPED, weak_score=SHIPPED.strong_score), LINE),
    ("memory of 0.5 s", replace(SHIPPED, memory_s=0.5), LINE),
    ("memory of 4 s", replace(SHIPPED, memory_s=4.0), LINE),
    ("no band", SHIPPED, replace(LINE, band=0.0)),
    ("band of 0.05 body sizes", SHIPPED, replace(LINE, band=0.05)),
    ("band of 0.2 body sizes", SHIPPED, replace(LINE, band=0.2)),
)
"""What is left out or moved, and the settings that do it."""


def __getattr__(name: str) -> Callable[[dict[str, Any]], line_crossing.Counter]:
    """The adapter `Choice7` for the grader is the counter with the settings of CHOICES[7]."""
    if not name.startswith("Choice"):
        raise AttributeError(name)
    _, tracker, counter = CHOICES[int(name.removeprefix("Choice"))]
    return lambda meta: line_crossing.Counter(meta, tracker, counter)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--grader", type=Path, required=True, help="folder of line_crossing_input.py and its grader")
    arguments.add_argument("--seed", type=int, action="append", help="another crowd; may be repeated")
    asked = arguments.parse_args()
    rivals.OUT.mkdir(parents=True, exist_ok=True)
    crowds = [rivals.files(asked.grader, seed) for seed in asked.seed or [None]]
    inputs = [f"{scenario} {n}" for scenario in rivals.SCENARIOS for n in rivals.CROWDS]
    print(f"Event error in %:\n\n| | {' | '.join(inputs)} |\n|{'---|' * (len(inputs) + 1)}")
    for number, (name, _, _) in enumerate(CHOICES):
        adapter = f"{__file__}:Choice{number}"
        found = [rivals.graded(asked.grader, sys.executable, adapter, files) for files in crowds]
        print(f"| {name} | {' | '.join(error(found, one) for one in inputs)} |", flush=True)
    return 0


def error(found: list[rivals.Graded], wanted: str) -> str:
    """Missed and extra over the true crossings of all crowds, in percent."""
    scenario, n = wanted.split()
    results = [crowd[f"{scenario}_n{n}.npz"] for crowd in found]
    wrong = sum(result["missed"] + result["extra"] for result in results)
    return f"{100 * wrong / sum(result['truth_in'] + result['truth_out'] for result in results):.2f}"


if __name__ == "__main__":
    sys.exit(main())
