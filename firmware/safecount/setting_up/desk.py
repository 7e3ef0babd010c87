"""What the set-up page works on during one session: the lines that are tried, what was seen at them, and the round that
is running. Pure; it ends with the session and is kept nowhere.
"""

from base64 import b64encode
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice

from safecount.setting_up.placement import Fault, Step, faults
from safecount.setting_up.round import RoundResult, ValidationRound, Way
from safecount.wire.code_line import PER_MILLE, CodeLine
from safecount.wire.scene import Scene, SeenPerson, SilhouetteLevel, Wish

MAX_PATHS = 64
MAX_STEPS = 120
SHOWN_STEPS = 30
PATH_SHOWN_S = 8.0
PATH_KEPT_S = 300.0
FAULTS_EVERY_S = 2.0
BLIND_AFTER_S = 3.0
"""Without a scene for so long the page says that the camera gives nothing."""


class Objection(Enum):
    """Why the desk does not do what was asked, as the installer reads it."""

    LESS_PRIVATE = "A level that shows more is only to be had in another session, and not below the site's own."
    ROUND_RUNS = "A validation round is running: finish it first."
    NO_ROUND = "No validation round is running."
    NO_SUCH_LINE = "There is no such line."
    NO_LINES = "Draw a line first."
    NOTHING_SEEN = "The camera gives no picture now."
    FULL = "The round is full: finish it."
    NOTHING_PRESSED = "Nothing was pressed that could be taken back."


@dataclass(slots=True)
class _Path:
    """Remembers at most MAX_STEPS places of one person."""

    steps: deque[Step]
    seen_s: float


class SetupDesk:
    """Remembers at most MAX_PATHS paths for PATH_KEPT_S, numbers of crossings since the lines were changed, and a round."""

    def __init__(self, lines: Sequence[CodeLine], level: SilhouetteLevel) -> None:
        self._wish = Wish(1, level, tuple(lines))
        self._saved = tuple(lines)
        self._scene: Scene | None = None
        self._scenes = 0
        self._seen_s = float("-inf")
        self._paths: dict[int, _Path] = {}
        self._tally: Counter[Way] = Counter()
        self._faults: tuple[tuple[Fault, ...], ...] = ()
        self._faults_due_s = float("-inf")
        self._round: ValidationRound | None = None
        self.result: RoundResult | None = None

    @property
    def wish(self) -> Wish:
        """What the counting process is to try and show."""
        return self._wish

    @property
    def lines(self) -> tuple[CodeLine, ...]:
        return self._wish.lines

    @property
    def scenes(self) -> int:
        """How many scenes have come; the page waits for a higher number."""
        return self._scenes

    @property
    def rule(self) -> str:
        """The way of counting and the model, as the counting process names them."""
        return self._scene.rule if self._scene else "unknown"

    def take(self, scene: Scene, now_s: float) -> None:
        """The counting process has shown the door."""
        self._scene, self._seen_s = scene, now_s
        self._scenes += 1
        for person in scene.people:
            self._follow(person, now_s)
        self._forget(now_s)
        for crossing in scene.crossings:
            if crossing.serial != self._wish.serial or crossing.line >= len(self.lines):
                continue  # of lines that were changed meanwhile
            way = (crossing.line, crossing.inward)
            self._tally[way] += 1
            if self._round is not None:
                self._round.count(way, now_s - crossing.age_ms / 1000.0)

    def draft(self, lines: tuple[CodeLine, ...]) -> Objection | None:
        """Try other lines: counting begins anew for them."""
        if self._round is not None:
            return Objection.ROUND_RUNS
        if lines != self._wish.lines:
            self._wish = replace(self._wish, serial=self._wish.serial + 1, lines=lines)
            self._tally.clear()
            self._faults_due_s = float("-inf")
            self.result = None
        return None

    def saved(self, lines: Sequence[CodeLine]) -> None:
        """These are the lines that the site has now."""
        self._saved = tuple(lines)

    def show_less(self, level: SilhouetteLevel) -> Objection | None:
        """Show at most so much from now on."""
        if level < self._wish.level:
            return Objection.LESS_PRIVATE
        self._wish = replace(self._wish, level=level)
        return None

    def start_round(self, now_s: float) -> Objection | None:
        if self._round is not None:
            return Objection.ROUND_RUNS
        if not self.lines:
            return Objection.NO_LINES
        if now_s - self._seen_s > BLIND_AFTER_S:
            return Objection.NOTHING_SEEN
        self._round, self.result = ValidationRound(now_s), None
        return None

    def press(self, way: Way, now_s: float) -> Objection | None:
        if self._round is None:
            return Objection.NO_ROUND
        if way[0] >= len(self.lines):
            return Objection.NO_SUCH_LINE
        return None if self._round.press(way, now_s) else Objection.FULL

    def undo_press(self) -> Objection | None:
        if self._round is None:
            return Objection.NO_ROUND
        return None if self._round.undo() else Objection.NOTHING_PRESSED

    def finish_round(self, now_s: float) -> Objection | None:
        if self._round is None:
            return Objection.NO_ROUND
        self.result, self._round = self._round.finish(now_s), None
        return None

    def drop_round(self) -> Objection | None:
        """Forget the round that is running."""
        if self._round is None:
            return Objection.NO_ROUND
        self._round = None
        return None

    def view(self, now_s: float) -> dict[str, object]:
        """Everything that the page shows, for JSON. While a round runs nothing of what the device sees is in it: whoever
        counts by eye must not be led.
        """
        hidden = self._round is not None
        scene = None if hidden else self._scene
        self._judge(now_s)
        return {
            "scene": self._scenes,
            "seeing": now_s - self._seen_s <= BLIND_AFTER_S,
            "picture": list(self._scene.picture) if self._scene else None,
            "level": int(self._wish.level),
            "silhouette": _silhouette(scene),
            "people": [[one.left, one.top, one.width, one.height] for one in scene.people] if scene else [],
            "paths": [] if hidden else self._shown_paths(now_s),
            "serial": self._wish.serial,
            "lines": [self._line(number, line, hidden) for number, line in enumerate(self.lines)],
            "saved": self.lines == self._saved,
            "round": _round(self._round, now_s),
            "result": _result(self.result),
        }

    def _line(self, number: int, line: CodeLine, hidden: bool) -> dict[str, object]:  # noqa: FBT001 - of view alone
        found = self._faults[number] if number < len(self._faults) else ()
        return {
            "door": line.door,
            "start": list(line.start),
            "end": list(line.end),
            "in_side": line.in_side.name.lower(),
            "in": None if hidden else self._tally[number, True],
            "out": None if hidden else self._tally[number, False],
            "faults": [fault.value for fault in found],
        }

    def _judge(self, now_s: float) -> None:
        if now_s < self._faults_due_s or self._scene is None:
            return
        self._faults_due_s = now_s + FAULTS_EVERY_S
        paths = [tuple(path.steps) for path in self._paths.values()]
        self._faults = tuple(faults(line, paths, self._scene.picture) for line in self.lines)

    def _follow(self, person: SeenPerson, now_s: float) -> None:
        left, top, width, height = (
            value / PER_MILLE for value in (person.left, person.top, person.width, person.height)
        )
        path = self._paths.setdefault(person.path, _Path(deque(maxlen=MAX_STEPS), now_s))
        path.steps.append(Step(left + width / 2, top + height / 2, width, height))
        path.seen_s = now_s

    def _forget(self, now_s: float) -> None:
        kept = {number: path for number, path in self._paths.items() if now_s - path.seen_s <= PATH_KEPT_S}
        newest = sorted(kept, key=lambda number: kept[number].seen_s)[-MAX_PATHS:]
        self._paths = {number: kept[number] for number in newest}

    def _shown_paths(self, now_s: float) -> list[list[list[int]]]:
        return [
            [[round(step.x * PER_MILLE), round(step.y * PER_MILLE)] for step in _last(path.steps, SHOWN_STEPS)]
            for path in self._paths.values()
            if now_s - path.seen_s <= PATH_SHOWN_S
        ]


def _last(steps: deque[Step], count: int) -> list[Step]:
    return list(islice(steps, max(0, len(steps) - count), None))


def _silhouette(scene: Scene | None) -> dict[str, object] | None:
    if scene is None or scene.silhouette is None:
        return None
    drawn = scene.silhouette
    return {"columns": drawn.columns, "rows": drawn.rows, "bits": b64encode(drawn.bits).decode("ascii")}


def _round(running: ValidationRound | None, now_s: float) -> dict[str, object] | None:
    return None if running is None else {"since_s": int(now_s - running.started_s), "presses": running.presses}


def _result(result: RoundResult | None) -> dict[str, object] | None:
    if result is None:
        return None
    rows = [
        {
            "line": row.line,
            "inward": row.inward,
            "percent": row.rate.percent,
            "low": row.rate.low,
            "high": row.rate.high,
        }
        for row in result.rows
    ]
    whole = result.whole
    told = None if whole is None else {"percent": whole.percent, "low": whole.low, "high": whole.high}
    return {"minutes": result.minutes, "whole": told, "rows": rows}
