"""A day of crowd at a door, in simulation: does the counter's memory stay flat?

Scripted walkers cross a line without pause: some stand on it, some turn back, detections flicker. The shipped tracker
and line counter run over them. `--hours` sets the length of the day; CI runs a short one, `make soak` a whole one.
Exits non-zero when memory grows, or the counts drift off the truth.
"""

import argparse
import gc
import json
import sys
import tracemalloc
from pathlib import Path

from safecount.counting.pipeline import LineCrossings
from safecount.counting.values import LineSettings
from simulators.crowd import PICTURE, Crowd

FPS = 10
OUT = Path("build/bench/day_of_crowd.json")
ALLOWED_GROWTH_BYTES = 64 * 1024


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=1.0, help="length of the day (default: %(default)s)")
    arguments.add_argument("--a-minute", type=float, default=60.0, help="people a minute (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    crowd = Crowd(asked.a_minute, asked.seed, FPS)
    way = LineCrossings([LineSettings("door", "door", (0.5, 0.0), (0.5, 1.0), "right")], PICTURE)
    counted, frames, held = 0, int(asked.hours * 3600 * FPS), []
    marks = {frames * part // 10 for part in range(2, 11)}  # the first fifth fills what has a bound
    tracemalloc.start()
    for n in range(1, frames + 1):
        tracks = way.track(crowd.step(), n / FPS)
        counted += len(way.count(tracks, n / FPS))
        if n in marks:
            gc.collect()
            held.append(
                (n / FPS / 3600, tracemalloc.get_traced_memory()[0], way.tracker.remembered, way.counters[0].remembered)
            )
    print(f"{'hour':>6}{'bytes held':>12}{'tracks':>8}{'sides':>7}")
    for hour, held_bytes, tracks_n, sides in held:
        print(f"{hour:6.2f}{held_bytes:12}{tracks_n:8}{sides:7}")
    # What is held follows how many people are there just now: compare the peaks of both halves, not two moments.
    half = len(held) // 2
    growth = max(entry[1] for entry in held[half:]) - max(entry[1] for entry in held[:half])
    error = abs(counted - crowd.truth) / max(1, crowd.truth)
    print(
        f"{asked.hours:g} h, {crowd.truth} true crossings, {counted} counted ({error:.2%} off), growth {growth} bytes"
    )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figures = {"hours": asked.hours, "truth": crowd.truth, "counted": counted, "growth_bytes": growth, "held": held}
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if growth < ALLOWED_GROWTH_BYTES and error < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
