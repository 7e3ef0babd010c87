"""Every bar of the counting, measured in one run: accuracy on the clips with truth, the line-crossing input, speed, memory.

Prints a table with pass or miss for each bar and writes build/bench/counting.json; `--page` also renews the table in
docs/evaluation.md. The line-crossing input and its grader are not part of this repository: `--grader` names their folder,
and without it those bars are told as not measured. norfair is graded beside ours, from an environment of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rivals

OUT = Path("build/bench")
PAGE = Path("docs/evaluation.md")
MARKS = "<!-- figures -->\n", "<!-- end of figures -->"
CROWDS = (5, 20, 50, 200)
TRACKER_MS = {5: 0.04, 20: 0.1, 50: 0.25, 200: 1.5}
EVENT_ERROR = {"base": {5: 0.3, 20: 0.3, 50: 0.3, 200: 0.7}, "hard": {5: 2.5, 20: 2.5, 50: 2.5, 200: 5.0}}
RIVAL = "norfair, band of 12 px"
"""The most exact of the libraries (`make bench-rivals` grades them all)."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what was measured, against at most how much. `measured` None: it could not be, and `note` says why."""

    what: str
    measured: float | None
    at_most: float
    unit: str
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "pass" if self.measured <= self.at_most else "**miss**"

    def row(self) -> str:
        measured = "-" if self.measured is None else f"{self.measured:.3g} {self.unit}"
        return f"| {self.what} | {measured} | {self.at_most:g} {self.unit} | {self.verdict} | {self.note} |"


def output_of(*command: str, **environment: str) -> str:
    """What a command prints; its errors and progress go to the terminal."""
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ).stdout


def accuracy(truths: list[Path], root: Path) -> Iterator[Bar]:
    """The clips with truth, at the device's pace, at half of it, and with the model that a package registry serves."""
    named = [argument for truth in truths for argument in ("--truth", str(truth))]
    # The bars are of 111 crossings; these clips have fewer, so the same share of them is asked for.
    for what, of_111, more in (
        ("10 frames a second", 2, []),
        ("5 frames a second", 4, ["--fps", "5"]),
        ("the registry's model", 14, ["--model", "ssd_mobilenetv2_oidv4_fp16"]),
    ):
        command = [sys.executable, "-m", "safecount_ops", "evaluate", *named, "--root", str(root), "--json", *more]
        judged: dict[str, Any] = json.loads(output_of(*command))
        total = judged["total"]
        true = sum(total["truth"].values())
        note = f"missed {total['missed']}, extra {total['extra']} of {true} in {len(judged['clips'])} clips"
        yield Bar(f"wrong counts, {what}", total["count_error"], round(of_111 * true / 111, 1), "", note)
        if not more:
            for line in judged["lines"]:
                if "vtest" not in line["clip"]:
                    error = line["missed"] + line["extra"]
                    yield Bar(f"events wrong, {line['clip']}", error, 0, "")


def line_crossing(grader: Path | None) -> Iterator[Bar]:
    """Event error and CPU time a frame on the grader's input, beside norfair on the same files in the same run."""
    ours: rivals.Graded = {}
    theirs: rivals.Graded = {}
    missing = ""
    if grader is None or not (grader / "line_crossing_run.py").is_file():
        missing = "no grader: name its folder with --grader"
    else:
        inputs = rivals.files(grader)
        ours = rivals.graded(grader, sys.executable, rivals.OURS, inputs)
        theirs = rivals.grade_rival(grader, RIVAL, inputs)
    for scenario, bars in EVENT_ERROR.items():
        for n in CROWDS:
            our, their = (found.get(f"{scenario}_n{n}.npz") for found in (ours, theirs))
            note = missing or (f"norfair with a band {their['event_err_pct']} %" if their else "")
            yield Bar(f"event error, {scenario}, N = {n}", our["event_err_pct"] if our else None, bars[n], "%", note)
    for n, most_ms in TRACKER_MS.items():
        our, their = (found.get(f"base_n{n}.npz") for found in (ours, theirs))
        note = missing or (
            f"{their['us_median'] / our['us_median']:.0f} times faster than norfair" if our and their else ""
        )
        yield Bar(f"tracker and line a frame, N = {n}", our["us_median"] / 1000 if our else None, most_ms, "ms", note)


def speed_and_memory(hours: float) -> Iterator[Bar]:
    """What bench/pipeline.py and bench/day_of_crowd.py measure."""
    output_of(sys.executable, "bench/pipeline.py")
    # It exits with 1 when memory grows: that is a bar here, and its figures are written all the same.
    subprocess.run([sys.executable, "bench/day_of_crowd.py", "--hours", str(hours)], check=False, stdout=sys.stderr)
    pipeline, crowd = (json.loads((OUT / name).read_text()) for name in ("pipeline.json", "day_of_crowd.json"))
    share = 100 * pipeline["other_share_of_invoke"]
    invoke = f"invoke {pipeline['bare_invoke_ms']:.2f} ms on one thread"
    yield Bar("all but invoke and video", share, 15, "% of invoke", invoke)
    yield Bar("memory of the counter", pipeline["counter_memory_mb"], 45, "MB", "numpy included, no model")
    yield Bar(
        "import of the counter",
        pipeline["counter_import_s"],
        0.15,
        "s",
        f"numpy alone {pipeline['numpy_import_s']:.2f} s",
    )
    yield Bar("growth in a crowd", crowd["growth_bytes"] / 1024, 64, "KiB", f"{hours:g} h, {crowd['truth']} crossings")


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, shared, Python {platform.python_version()}"


def table(bars: list[Bar]) -> str:
    head = "| what | measured | at most | | |\n|---|---|---|---|---|"
    return f"`make bench` on {machine()}:\n\n{head}\n" + "\n".join(bar.row() for bar in bars) + "\n"


def renew_page(figures: str) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    PAGE.write_text(f"{before}{MARKS[0]}{figures}{MARKS[1]}{after}", encoding="utf-8")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--truth", type=Path, action="append", required=True, help="truth file; may be repeated")
    arguments.add_argument("--root", type=Path, required=True, help="folder that the clips are named from")
    arguments.add_argument("--grader", type=Path, help="folder of line_crossing_input.py and line_crossing_run.py")
    arguments.add_argument("--hours", type=float, default=0.5, help="length of the crowd's day (default: %(default)s)")
    arguments.add_argument("--page", action="store_true", help=f"renew the figures in {PAGE}")
    asked = arguments.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    bars = [*speed_and_memory(asked.hours), *line_crossing(asked.grader), *accuracy(asked.truth, asked.root)]
    figures = table(bars)
    print(figures)
    (OUT / "counting.json").write_text(json.dumps([{**asdict(bar), "verdict": bar.verdict} for bar in bars], indent=1))
    if asked.page:
        renew_page(figures)
    return 0 if all(bar.verdict == "pass" for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
