"""A crowd at a door, frame by frame: some stand on the line, some turn back, detections flicker."""

from dataclasses import dataclass
from random import Random

import numpy as np

from safecount.counting.values import Boxes

PICTURE = (1280, 720)


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
    """Walkers who come at random on six lanes, `a_minute` of them; remembers those in the picture only.

    `truth` counts those who crossed the middle of the picture, whichever way.
    """

    def __init__(self, a_minute: float, seed: int, fps: int) -> None:
        self._random = Random(seed)
        self._fps = fps
        self.a_minute = a_minute
        self._walkers: list[Walker] = []
        self.truth = 0

    def step(self) -> Boxes:
        chance = self._random
        if chance.random() < self.a_minute / 60 / self._fps:
            way = chance.choice((-1, 1))
            waits_s = chance.uniform(0.5, 6) if chance.random() < 0.2 else 0.0
            speed = way * chance.uniform(90, 220)
            lane = 130 + 100 * chance.randrange(6)
            self._walkers.append(Walker(640 - way * 660, lane, speed, waits_s, waits_s > 0 and chance.random() < 0.3))
        for walker in self._walkers:
            was = walker.crossed
            walker.move(1 / self._fps)
            self.truth += walker.crossed and not was
        self._walkers = [walker for walker in self._walkers if -40 < walker.x < 1320]
        rows = []
        for walker in self._walkers:
            if chance.random() < 0.95:  # a detector misses some
                x, y = walker.x + chance.gauss(0, 2), walker.y + chance.gauss(0, 2)
                rows.append((x - 35, y - 90, x + 35, y + 90, chance.uniform(0.4, 0.95)))
        return np.array(rows, np.float32).reshape(-1, 5)
