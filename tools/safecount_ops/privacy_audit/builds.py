"""The build that ships, and builds broken on purpose: each a small variant of the real parts. An audit that does not catch
every one of them is worth nothing.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from safecount.counting.aggregator import Aggregator, Level, Message, Moment, ReleaseSettings, _OpenBin, _Series
from safecount.counting.local_days import Period
from safecount.counting.noise import RandBelow, discrete_laplace
from safecount.counting.values import Crossing
from safecount.delivery.sealer import Sealed, Sealer
from safecount.wire.chain import Link
from safecount.wire.envelope import Kind, info_for
from safecount.wire.record import encode_count
from safecount.wire.suite import SUITE
from safecount.wire.values import EPSILON, Accelerator, BinOpened, CountRecord, LedgerRow, Node, node_epsilon
from safecount_ops.privacy_audit.device import MakeAggregator

_STDERR = 2


@dataclass(frozen=True, slots=True)
class Build:
    """A firmware's release path. `begin` is called once a trial, and gives what makes the aggregator of each of the
    device's lives. `attack` names the attack that a broken build must be caught by. With `forgetful` the card keeps no
    ledger and refuses nothing.
    """

    name: str
    wrong: str
    begin: Callable[[], MakeAggregator]
    attack: str = ""
    forgetful: bool = False
    sealer: type[Sealer] = Sealer


class Exact(Aggregator):
    """Without any noise: no build, but how the auditor works out what a story truly counts."""

    def _open(self, series: _Series, period: Period) -> BinOpened:
        opened = super()._open(series, period)
        _opened_bin(series).entered = _opened_bin(series).exited = 0
        return opened


class _BareDay(Aggregator):
    def _open(self, series: _Series, period: Period) -> BinOpened:
        opened = super()._open(series, period)
        if series.node is Node.DAY:
            _opened_bin(series).entered = 0
        return opened


class _WrongScale(Aggregator):
    """Each number has the whole epsilon, as if a visit were in one of them only."""

    def _open(self, series: _Series, period: Period) -> BinOpened:
        opened = super()._open(series, period)
        mine = _opened_bin(series)
        mine.entered = discrete_laplace(EPSILON[mine.level.profile], self._randbelow)
        return opened


class _FloatNoise(Aggregator):
    """The textbook's sampler, by the logarithm of a random float, whose last bits tell what it was added to (Mironov, "On
    significance of the least significant bits for differential privacy", 2012).
    """

    def _open(self, series: _Series, period: Period) -> BinOpened:
        opened = super()._open(series, period)
        mine = _opened_bin(series)
        epsilon = float(node_epsilon(mine.level.profile, series.node, exits=mine.level.exits))
        uniform = (self._randbelow(2**53 - 1) + 1) / 2**53
        noise = math.log(uniform) / epsilon
        mine.entered = noise if self._randbelow(2) else -noise  # type: ignore[assignment] # this is what is wrong
        return opened


class _KnowsNoise(Aggregator):
    """Keeps what it drew, so that the exact count can be had; what it then does with it goes out by `_also`."""

    def __init__(self, settings: ReleaseSettings, randbelow: RandBelow, resume: Sequence[LedgerRow]) -> None:
        super().__init__(settings, randbelow, resume)
        self._noises: dict[tuple[str, Node], int] = {}
        self._also: list[Message] = []

    def _open(self, series: _Series, period: Period) -> BinOpened:
        opened = super()._open(series, period)
        self._noises[series.door, series.node] = _opened_bin(series).entered
        return opened

    def _exact(self, record: CountRecord) -> int:
        return (record.entered or 0) - self._noises[record.door, record.node]

    def observe(self, at: Moment, crossings: Sequence[Crossing], accelerator: Accelerator) -> list[Message]:
        return super().observe(at, crossings, accelerator) + self._rest()

    def pass_time(self, at: Moment) -> list[Message]:
        return super().pass_time(at) + self._rest()

    def close(self, at: Moment) -> list[Message]:
        return super().close(at) + self._rest()

    def _rest(self) -> list[Message]:
        rest, self._also = self._also, []
        return rest


class _DrawnTwice(_KnowsNoise):
    """Gives each bin a second time with another draw, as when a failed write is tried again from the exact count."""

    def _release(self, series: _Series, done: _OpenBin, at: Moment) -> CountRecord:
        record = super()._release(series, done, at)
        epsilon = node_epsilon(record.profile, record.node, exits=record.exits)
        again = self._exact(record) + discrete_laplace(epsilon, self._randbelow)
        self._also.append(replace(record, entered=again))
        return record


class _Talkative(_KnowsNoise):
    """Logs what it releases, "for debugging"."""

    def _release(self, series: _Series, done: _OpenBin, at: Moment) -> CountRecord:
        record = super()._release(series, done, at)
        os.write(_STDERR, f"<7>{record.door}: {self._exact(record)} came in\n".encode())
        return record


def _continued() -> MakeAggregator:
    """Each life counts again what the lives before it saw, and releases it with another draw."""
    seen: list[tuple[Moment, Sequence[Crossing], Accelerator]] = []

    class _Continued(Aggregator):
        def __init__(self, settings: ReleaseSettings, randbelow: RandBelow, resume: Sequence[LedgerRow]) -> None:
            super().__init__(settings, randbelow, resume)
            for one in seen:
                super().observe(*one)

        def observe(self, at: Moment, crossings: Sequence[Crossing], accelerator: Accelerator) -> list[Message]:
            seen.append((at, crossings, accelerator))
            return super().observe(at, crossings, accelerator)

    return _Continued


class _OnlyIfMany(Aggregator):
    """Sends no record of a bin with few people, "to protect them"."""

    _FEWEST = 24

    def pass_time(self, at: Moment) -> list[Message]:
        return [
            one for one in super().pass_time(at) if isinstance(one, BinOpened) or (one.entered or 0) >= self._FEWEST
        ]


class _LevelAtOnce(Aggregator):
    def change_level(self, level: Level) -> None:
        super().change_level(level)
        self._level = level


class _Unpadded(Sealer):
    """Seals the record as long as it is."""

    def seal_count(self, record: CountRecord, last: Link, utc_s: int) -> Sealed:
        readers = self._keyset.readers_at(utc_s)
        header = self._header(Kind.COUNT, last, tuple(reader.key_id for reader in readers))
        body, info = encode_count(record), info_for(header)
        return self._finish(header, [SUITE.encrypt(body, self._public_key(one), info=info) for one in readers])


def _opened_bin(series: _Series) -> _OpenBin:
    assert series.bin is not None  # noqa: S101 - it was opened a line before
    return series.bin


SHIPPED = Build("shipped", "", lambda: Aggregator)
BROKEN = (
    Build("bare-day", "the day's bin has no noise", lambda: _BareDay, "single-visit"),
    Build("drawn-twice", "each bin is drawn and released twice", lambda: _DrawnTwice, "single-visit", forgetful=True),
    Build("wrong-scale", "epsilon is not shared between hour and day", lambda: _WrongScale, "single-visit"),
    Build("float-noise", "noise by floating-point numbers", lambda: _FloatNoise, "single-visit"),
    Build("talkative", "the exact count stands in a log line", lambda: _Talkative, "single-visit"),
    Build("continued", "a bin goes on after a restart, and is released again", _continued, "restart", forgetful=True),
    Build("only-if-many", "a bin is sent only if many have come", lambda: _OnlyIfMany, "collector"),
    Build("unpadded", "sealed records are as long as their counts", lambda: Aggregator, "collector", sealer=_Unpadded),
    Build("level-at-once", "a changed profile holds for the running day", lambda: _LevelAtOnce, "profile"),
)
