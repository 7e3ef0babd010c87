"""A street on which a device is validated: people come at random, alone and in pairs, are hidden, missed and boxed askew by
the detector; a person at the door presses a button for each, a little late. What really happened is known.
"""

from dataclasses import dataclass
from random import Random

import numpy as np

from safecount.counting.pipeline import LineCrossings
from safecount.counting.values import LineSettings
from safecount.setting_up.agreement import Passing, agree
from safecount.setting_up.round import RoundResult, ValidationRound, Way

FPS = 10.0
PICTURE = (640, 480)
LINE = LineSettings("door", "door", (0.5, 0.0), (0.5, 1.0), "right")
BODY = (44.0, 120.0)
LATE_S, LATE_SPREAD_S = 0.35, 0.3
"""How late people press; human reaction times to what one expects are a quarter to half a second."""
Box = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Street:
    """How busy a street is (arrivals a minute), and how well its people are seen: the shares of arrivals who come in
    pairs, turn back before the line, pass hidden behind something at it, and the share of frames in which a detector
    misses somebody.
    """

    name: str
    arrivals: float
    pairs: float
    turning: float
    hidden: float
    missed: float


STREETS = (
    Street("quiet and bright", arrivals=5.0, pairs=0.1, turning=0.05, hidden=0.05, missed=0.05),
    Street("busy, in pairs", arrivals=16.0, pairs=0.6, turning=0.1, hidden=0.2, missed=0.35),
    Street("badly seen", arrivals=7.0, pairs=0.2, turning=0.1, hidden=0.35, missed=0.5),
    Street("hardly seen", arrivals=8.0, pairs=0.5, turning=0.15, hidden=0.6, missed=0.65),
)


@dataclass(frozen=True, slots=True)
class Passer:
    """Walks through the picture at a constant speed (pixels a second), to the line and back where `turns`."""

    start_s: float
    y: float
    speed: float
    scale: float
    turns: bool
    hidden: bool

    @property
    def inward(self) -> bool:
        return self.speed > 0

    @property
    def end_s(self) -> float:
        return self.start_s + (PICTURE[0] + 2 * BODY[0]) / abs(self.speed)

    @property
    def crosses_s(self) -> float:
        return self.start_s + (PICTURE[0] / 2 + BODY[0]) / abs(self.speed)

    def x(self, at_s: float) -> float:
        gone = (at_s - self.start_s) * abs(self.speed)
        furthest = PICTURE[0] / 2 + BODY[0] - 70.0
        if self.turns and gone > furthest:
            gone = 2 * furthest - gone
        return gone - BODY[0] if self.inward else PICTURE[0] + BODY[0] - gone

    def box(self, at_s: float, missed: float, random: Random) -> Box | None:
        """What the detector gives for this frame."""
        behind = self.hidden and abs(at_s - self.crosses_s) < 0.5
        if behind or random.random() < missed:
            return None
        width, height = BODY[0] * self.scale, BODY[1] * self.scale
        x, y = self.x(at_s) + random.gauss(0, 3), self.y + random.gauss(0, 3)
        left, right = max(0.0, x - width / 2), min(float(PICTURE[0]), x + width / 2)
        if right - left < width / 2:
            return None
        return left, y - height / 2, right, y + height / 2, random.uniform(0.3, 0.9)


@dataclass(frozen=True, slots=True)
class Validated:
    """One round: what it certified, and how well the device's counts agree with what really happened."""

    result: RoundResult
    truth: list[Passing]


def validate(street: Street, minutes: float, seed: str) -> Validated:
    """Live one round through the real tracker, line counter and validation."""
    random = Random(seed)
    length_s = minutes * 60
    passers = _passers(street, length_s, random)
    counted = _counted(passers, street, length_s, random)
    round_ = ValidationRound(0.0)
    crossed = [one for one in passers if not one.turns and 0 <= one.crosses_s < length_s]
    for one in crossed:
        round_.press((0, one.inward), one.crosses_s + min(1.6, max(-0.3, random.gauss(LATE_S, LATE_SPREAD_S))))
    for way, at_s in counted:
        round_.count(way, at_s)
    truth: list[Passing] = []
    for inward in (True, False):
        real = sorted(one.crosses_s for one in crossed if one.inward == inward)
        truth += agree(real, [at_s for way, at_s in counted if way == (0, inward)], (0.0, length_s))
    return Validated(round_.finish(length_s), truth)


def _passers(street: Street, length_s: float, random: Random) -> list[Passer]:
    passers = []
    at_s = -10.0
    while (at_s := at_s + random.expovariate(street.arrivals / 60)) < length_s:
        speed = random.choice((-1, 1)) * random.uniform(70, 170)
        first = Passer(
            start_s=at_s,
            y=random.uniform(120, 360),
            speed=speed,
            scale=random.uniform(0.8, 1.2),
            turns=random.random() < street.turning,
            hidden=random.random() < street.hidden,
        )
        passers.append(first)
        if random.random() < street.pairs:
            beside = first.y + random.choice((-1, 1)) * random.uniform(15, 60)
            later_s = at_s + random.uniform(0.0, 0.5)
            passers.append(Passer(later_s, beside, speed, first.scale, first.turns, first.hidden))
    return passers


def _counted(passers: list[Passer], street: Street, length_s: float, random: Random) -> list[tuple[Way, float]]:
    device = LineCrossings([LINE], PICTURE)
    waiting = sorted(passers, key=lambda one: one.start_s)
    there: list[Passer] = []
    counted = []
    for frame in range(int(length_s * FPS)):
        at_s = frame / FPS
        while waiting and waiting[0].start_s <= at_s:
            there.append(waiting.pop(0))
        there = [one for one in there if one.end_s >= at_s]
        boxes = [box for one in there if (box := one.box(at_s, street.missed, random))]
        tracks = device.track(np.array(boxes, np.float32).reshape(-1, 5), at_s)
        counted += [((0, one.direction == "in"), one.at_s) for one in device.count(tracks, at_s)]
    return counted
