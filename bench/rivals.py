"""The shipped tracker and line counter beside the libraries that people use, on one machine, in one run, on the same boxes.

Each library gets an environment of its own in build/bench; the adapters of the line-crossing grader drive it. Its folder
is named by `--grader`: it is not part of this repository. `--seed` makes other crowds than those that the settings were
chosen with. Prints one table, and writes build/bench/rivals.json.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUT = Path("build/bench")
OURS = "bench/line_crossing.py:Counter"
SCENARIOS = ("base", "hard")
CROWDS = (5, 20, 50, 200)


@dataclass(frozen=True, slots=True)
class Rival:
    """A library: the grader's adapter for it, and what an environment for it takes."""

    adapter: str
    packages: tuple[str, ...]


RIVALS = {
    "norfair, band of 12 px": Rival("bench/norfair_band.py:Counter", ("norfair==2.3.0",)),
    "norfair": Rival("norfair", ("norfair==2.3.0",)),
    "supervision": Rival("sv26", ("supervision==0.26.1",)),
    "trackers": Rival("trackers_byte", ("trackers==2.6.1", "supervision==0.31.2")),
    "motpy": Rival("motpy", ("motpy==0.0.10",)),
    "ultralytics": Rival("ultralytics", ("ultralytics==8.4.190", "shapely", "lap")),
}
WITHOUT_ASKING = tuple(name for name in RIVALS if name != "ultralytics")
"""ultralytics takes gigabytes: only where it is named."""

Graded = dict[str, dict[str, Any]]


def files(grader: Path, seed: int | None = None) -> list[str]:
    """The grader's input, made anew; `seed` None is that of the bars."""
    folder = OUT / ("line_crossing" if seed is None else f"line_crossing_{seed}")
    more = [] if seed is None else ["--seed", str(seed)]
    subprocess.run(
        [sys.executable, str(grader / "line_crossing_input.py"), "--out", str(folder), *more],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return [str(folder / f"{scenario}_n{n}.npz") for scenario in SCENARIOS for n in CROWDS]


def graded(grader: Path, python: str, adapter: str, inputs: list[str]) -> Graded:
    """What the grader says of each input file: `event_err_pct`, and `us_median`, CPU time a frame."""
    command = [python, str(grader / "line_crossing_run.py"), adapter, *inputs]
    own = {"CLOCK": "thread", "OMP_NUM_THREADS": "1", "CAP_S": "600", "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **own})
    # Libraries greet on the same output, at their first start.
    told = (line for line in ran.stdout.splitlines() if line.startswith("{"))
    return {result["file"]: result for result in map(json.loads, told)}


def grade_rival(grader: Path, name: str, inputs: list[str]) -> Graded:
    return graded(grader, environment(RIVALS[name].packages), RIVALS[name].adapter, inputs)


def environment(packages: tuple[str, ...]) -> str:
    """The Python of an environment with these packages, and nothing of ours."""
    folder = OUT / packages[0].replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"Installing {', '.join(packages)} (once) ...", file=sys.stderr)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq", "install", *packages]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        (folder / "ready").touch()
    return str(python)


def row(name: str, found: Graded) -> str:
    errors = [f"{found[f'{scenario}_n{n}.npz']['event_err_pct']:g}" for scenario in SCENARIOS for n in CROWDS]
    times = [f"{found[f'base_n{n}.npz']['us_median'] / 1000:.3g}" for n in CROWDS]
    return f"| {name} | {' | '.join([*errors, *times])} |"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--grader", type=Path, required=True, help="folder of line_crossing_input.py and its grader")
    arguments.add_argument("--library", choices=RIVALS, action="append", help="only this one; may be repeated")
    arguments.add_argument("--seed", type=int, action="append", help="another crowd; may be repeated")
    asked = arguments.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    head = [f"{scenario} {n}" for scenario in SCENARIOS for n in CROWDS] + [f"ms at {n}" for n in CROWDS]
    told: dict[str, Graded] = {}
    for seed in asked.seed or [None]:
        inputs = files(asked.grader, seed)
        crowd = "" if seed is None else f", seed {seed}"
        print(
            f"\nEvent error in %, and CPU time a frame{crowd}:\n\n| | {' | '.join(head)} |\n|{'---|' * (len(head) + 1)}"
        )
        told[f"safecount{crowd}"] = graded(asked.grader, sys.executable, OURS, inputs)
        print(row("safecount", told[f"safecount{crowd}"]), flush=True)
        for name in asked.library or WITHOUT_ASKING:
            told[f"{name}{crowd}"] = grade_rival(asked.grader, name, inputs)
            print(row(name, told[f"{name}{crowd}"]), flush=True)
    (OUT / "rivals.json").write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
