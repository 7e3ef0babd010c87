"""A day of crowd at a door, in simulation: does the counter's memory stay flat?

Scripted walkers cross a line without pause: some stand on it, some turn back, detections flicker. The shipped tracker
and line counter run over them. `--hours` sets the length of the day; CI runs a short one, `make soak` a whole one.
Exits non-zero when memory grows, or the counts drift off the truth.
"""

import argparse
import gc
import json
import random
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from safecount.counting.pipeline import LineCrossings
from safecount.counting.values import Boxes, LineSettings

FPS = 10
PICTURE = (1280, 720)
OUT = Path("build/bench/day_of_crowd.json")
ALLOWED_GROWTH_BYTES = 64 * 1024


@dataclass(slots=True)
class Walker:
    """One person, 70 x 180 pixels, who walks across the picture; `waits_s` seconds are spent near the middle."""

    x: float
    y: float
    speed: float
    waits_s: float
    turns: bool
    crossed: bool = False

    def move(self, dt_s: float) -> None:
        before = self.x - 640
        if self.waits_s > 0 and abs(before) < 40:
            self.waits_s -= dt_s
            if self.waits_s <= 0 and self.turns and not self.crossed:
                self.speed = -self.speed
            return
        self.x += self.speed * dt_s
        self.crossed = self.crossed or (before > 0) != (self.x > 640)


class Crowd:
    """Walkers who come at random on six lanes; remembers those in the picture only."""

    def __init__(self, a_minute: float, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a simulation is meant to repeat
        self._rate = a_minute / 60 / FPS
        self._walkers: list[Walker] = []
        self.truth = 0

    def step(self) -> Boxes:
        chance = self._random
        if chance.random() < self._rate:
            way = chance.choice((-1, 1))
            waits_s = chance.uniform(0.5, 6) if chance.random() < 0.2 else 0.0
            speed = way * chance.uniform(90, 220)
            lane = 130 + 100 * chance.randrange(6)
            self._walkers.append(Walker(640 - way * 660, lane, speed, waits_s, waits_s > 0 and chance.random() < 0.3))
        for walker in self._walkers:
            was = walker.crossed
            walker.move(1 / FPS)
            self.truth += walker.crossed and not was
        self._walkers = [walker for walker in self._walkers if -40 < walker.x < 1320]
        rows = []
        for walker in self._walkers:
            if chance.random() < 0.95:  # a detector misses some
                x, y = walker.x + chance.gauss(0, 2), walker.y + chance.gauss(0, 2)
                rows.append((x - 35, y - 90, x + 35, y + 90, chance.uniform(0.4, 0.95)))
        return np.array(rows, np.float32).reshape(-1, 5)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=1.0, help="length of the day (default: %(default)s)")
    arguments.add_argument("--a-minute", type=float, default=60.0, help="people a minute (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    crowd = Crowd(asked.a_minute, asked.seed)
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
