"""From crossings to records: hour bins and a day bin for each door and local day, each with its noise, each released
once.

The rule: an accumulator starts at its noise, so the exact count exists nowhere, and an open one is never shown, stored
or logged (two looks at it would differ by exact counts). Time, randomness and what is already accounted for come in as
arguments; what comes out is a list of messages, to be stored in their order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from zoneinfo import ZoneInfo

from safecount.counting.ledger import Ledger
from safecount.counting.local_days import Period, day_at, hour_at
from safecount.counting.noise import RandBelow, discrete_laplace
from safecount.counting.values import Crossing
from safecount.wire.values import (
    COVERAGE_STEP_S,
    Accelerator,
    BinOpened,
    ClockQuality,
    CountRecord,
    LedgerRow,
    Node,
    Profile,
    State,
    node_epsilon,
)

Message: TypeAlias = BinOpened | CountRecord

LONGEST_FRAME_GAP_S = 5.0
"""Longer without a frame counts as not watched."""
STEP_BACK_S = 3600
"""A clock set back by less stands still until the time has come again; set back by more it is taken at its word."""
FILL_S = 31 * 86_400
"""How far back bins that nobody watched are reported lost; older ones are told only by their absence."""
_PERIOD_AT: dict[Node, Callable[[ZoneInfo, float], Period]] = {Node.HOUR: hour_at, Node.DAY: day_at}


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: UTC seconds with how well they are known, and the seconds of the boot's monotonic clock."""

    utc_s: float
    monotonic_s: float
    clock: ClockQuality


@dataclass(frozen=True, slots=True)
class Level:
    """How much is told: the privacy profile, and whether exits are counted too (each direction then has half)."""

    profile: Profile
    exits: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """What stands in every record. `doors` are the names that crossings carry; `rule` is the counting rule's
    version.
    """

    site: str
    doors: tuple[str, ...]
    zone: ZoneInfo
    level: Level
    rule: str
    boot: bytes


class _OpenBin:
    """One bin while it is open. It has no text form: what it holds is not to be looked at before the bin closes."""

    __slots__ = ("accelerator", "clock", "entered", "exited", "level", "period", "watched_s")

    def __init__(self, period: Period, node: Node, level: Level, randbelow: RandBelow) -> None:
        epsilon = node_epsilon(level.profile, node, exits=level.exits)
        self.period = period
        self.level = level
        self.entered = discrete_laplace(epsilon, randbelow)
        self.exited = discrete_laplace(epsilon, randbelow) if level.exits else 0
        self.watched_s = 0.0
        self.accelerator = Accelerator.EDGE_TPU
        self.clock = ClockQuality.SYNCED


class _Series:
    """The bins of one kind of one door: at most one open, and a ledger of those that are done with."""

    def __init__(self, door: str, node: Node, resume: Iterable[LedgerRow]) -> None:
        mine = [row for row in resume if (row.door, row.node) == (door, node)]
        self.door = door
        self.node = node
        self.ledger = Ledger((row.start_s, row.end_s) for row in mine)
        self.interrupted = [(row.start_s, row.end_s) for row in mine if row.open]
        self.bin: _OpenBin | None = None


class Aggregator:
    """Adds crossings to open bins and gives the records of those that close.

    Remembers one open bin for each door and node, and a bounded ledger of closed ones; nothing of a crossing but the
    sum. `resume` is the ledger that the seal process keeps: what was open in it is reported lost, what is in it is
    never opened.
    """

    def __init__(self, settings: ReleaseSettings, randbelow: RandBelow, resume: Sequence[LedgerRow]) -> None:
        self._settings = settings
        self._randbelow = randbelow
        self._series = [_Series(door, node, resume) for door in settings.doors for node in Node]
        self._level = settings.level
        self._level_tomorrow = self._level
        self._today: Period | None = None
        self._now_s = 0.0
        self._seen_at_s: float | None = None

    def change_level(self, level: Level) -> None:
        """Release at another level from the next local midnight on."""
        self._level_tomorrow = level

    def observe(self, at: Moment, crossings: Sequence[Crossing], accelerator: Accelerator) -> list[Message]:
        """Take note of one watched frame, and give what is to be stored: bins lost, closed and opened.

        While the clock is unset nothing is counted and nothing closes: it is not known into which bins.
        """
        if at.clock is ClockQuality.UNSET:
            self._seen_at_s = None
            return []
        self._step(at)
        messages = [message for series in self._series for message in self._advance(series, at)]
        watched_s = self._watched_s(at)
        for series in self._series:
            if series.bin is not None:
                _add(series.bin, watched_s, at.clock, accelerator)
                _count(series.bin, [one for one in crossings if one.door == series.door])
        return messages

    def pass_time(self, at: Moment) -> list[Message]:
        """Take note of time that nobody watched, as while a camera is away: bins that are over close, and none opens."""
        if at.clock is ClockQuality.UNSET:
            return []
        self._step(at)
        over = [
            series for series in self._series if series.bin is not None and series.bin.period != self._period(series)
        ]
        return [self._release(series, series.bin, at) for series in over if series.bin is not None]

    def close(self, at: Moment) -> list[Message]:
        """Release every open bin early, before an orderly stop. The rest of their time is not counted again."""
        return [self._release(series, series.bin, at) for series in self._series if series.bin is not None]

    def _step(self, at: Moment) -> None:
        """Move on to the moment, and at the first one of a new local day to the level set for it."""
        if at.utc_s > self._now_s or at.utc_s < self._now_s - STEP_BACK_S:
            self._now_s = at.utc_s
        today = day_at(self._settings.zone, self._now_s)
        if self._today is not None and today != self._today:
            self._level = self._level_tomorrow
        self._today = today

    def _watched_s(self, at: Moment) -> float:
        before_s, self._seen_at_s = self._seen_at_s, at.monotonic_s
        gap_s = 0.0 if before_s is None else at.monotonic_s - before_s
        return gap_s if 0 <= gap_s <= LONGEST_FRAME_GAP_S else 0.0

    def _advance(self, series: _Series, at: Moment) -> list[Message]:
        """Close and open what the moment asks for."""
        messages: list[Message] = [
            self._lost(series, Period(start_s, end_s, day_at(self._settings.zone, start_s).day), at)
            for start_s, end_s in series.interrupted
        ]
        series.interrupted = []
        period = self._period(series)
        if series.bin is not None and series.bin.period != period:
            messages.append(self._release(series, series.bin, at))
        if not series.ledger.covers_any(period.start_s, period.end_s):
            messages += [self._lost(series, missed, at) for missed in self._missed(series, period)]
            messages.append(self._open(series, period))
        return messages

    def _period(self, series: _Series) -> Period:
        """The bin that now lies in."""
        return _PERIOD_AT[series.node](self._settings.zone, self._now_s)

    def _missed(self, series: _Series, period: Period) -> list[Period]:
        """The bins between the last one accounted for and `period`, which nobody watched."""
        after_s = series.ledger.end_before(period.start_s)
        missed: list[Period] = []
        next_s = period.start_s if after_s is None else max(after_s, period.start_s - FILL_S)
        while next_s < period.start_s:
            one = _PERIOD_AT[series.node](self._settings.zone, next_s)
            if not series.ledger.covers_any(one.start_s, one.end_s):
                missed.append(one)
            next_s = one.end_s
        return missed

    def _open(self, series: _Series, period: Period) -> BinOpened:
        series.bin = _OpenBin(period, series.node, self._level, self._randbelow)
        series.ledger.add(period.start_s, period.end_s)
        return BinOpened(series.door, series.node, period.start_s, period.end_s)

    def _release(self, series: _Series, done: _OpenBin, at: Moment) -> CountRecord:
        series.bin = None
        watched_s = min(done.watched_s, done.period.end_s - done.period.start_s)
        return replace(
            self._unwatched(series, done.period, at),
            state=State.RELEASED,
            entered=done.entered,
            exited=done.exited if done.level.exits else None,
            exits=done.level.exits,
            profile=done.level.profile,
            coverage_s=round(watched_s / COVERAGE_STEP_S) * COVERAGE_STEP_S,
            accelerator=done.accelerator,
            clock=done.clock,
        )

    def _lost(self, series: _Series, period: Period, at: Moment) -> CountRecord:
        series.ledger.add(period.start_s, period.end_s)
        return self._unwatched(series, period, at)

    def _unwatched(self, series: _Series, period: Period, at: Moment) -> CountRecord:
        return CountRecord(
            site=self._settings.site,
            door=series.door,
            node=series.node,
            state=State.LOST,
            start_s=period.start_s,
            length_s=period.end_s - period.start_s,
            day=period.day,
            zone=self._settings.zone.key,
            entered=None,
            exited=None,
            exits=self._level.exits,
            profile=self._level.profile,
            coverage_s=0,
            accelerator=Accelerator.NONE,
            clock=at.clock,
            rule=self._settings.rule,
            boot=self._settings.boot,
            closed_monotonic_s=int(at.monotonic_s),
        )


def _add(open_bin: _OpenBin, watched_s: float, clock: ClockQuality, accelerator: Accelerator) -> None:
    """Note a frame's time, and the weakest of what it was watched with."""
    open_bin.watched_s += watched_s
    open_bin.clock = min(open_bin.clock, clock)
    open_bin.accelerator = min(open_bin.accelerator, accelerator)


def _count(open_bin: _OpenBin, crossings: Sequence[Crossing]) -> None:
    for crossing in crossings:
        if crossing.direction == "in":
            open_bin.entered += 1
        elif open_bin.level.exits:
            open_bin.exited += 1
