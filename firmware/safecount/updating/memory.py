"""What the update process remembers from one start to the next: a trial under way, releases that failed, and what it
told last.

Its bound: one trial, the last 16 failures and one report. It forgets the oldest.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum

from safecount.wire.encoding import Item, as_bytes, as_enum, as_fields, as_list, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.update_state import (
    MAX_REPORT_BYTES,
    Failure,
    UpdateReport,
    UpdateState,
    decode_report,
    encode_report,
)

MAX_MEMORY_BYTES = 4096
MAX_FAILURES = 16
PERHAPS_THE_POWER = frozenset({Failure.NOT_BOOTED, Failure.INTERRUPTED, Failure.NOT_COMMITTED})
"""Failures that a power cut explains as well as a bad release does: such a release has a second chance."""
_VERSION = 1
_SLOTS = ("A", "B")


class Stage(IntEnum):
    """How far a trial came. Each stage is on disk before its step is taken."""

    INSTALLED = 1
    RESTARTING = 2
    CHECKING = 3
    PASSED = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """A release in the other slot. `reached`: the collector was reached in the day before. `failure` with FAILED."""

    release: str
    digest: bytes
    slot: str
    stage: Stage
    reached: bool
    failure: Failure | None = None

    def __post_init__(self) -> None:
        if (self.failure is not None) != (self.stage is Stage.FAILED) or self.slot not in _SLOTS:
            raise ValueError("a trial's fields do not fit together")


@dataclass(frozen=True, slots=True)
class Failed:
    """A bundle (SHA-256) that this device fell back from, how often, and why the last time."""

    digest: bytes
    times: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Memory:
    """Nothing at first. `report` is what the health record tells."""

    trial: Trial | None = None
    failed: tuple[Failed, ...] = ()
    report: UpdateReport = field(default_factory=lambda: UpdateReport(UpdateState.NOTHING_NEW))

    def given_up(self, digest: bytes) -> bool:
        """Whether this bundle is not to be tried again."""
        return any(
            one.digest == digest and (one.times > 1 or one.failure not in PERHAPS_THE_POWER) for one in self.failed
        )

    def after_failure(self, trial: Trial, failure: Failure) -> "Memory":
        """The trial is over, and what failed is noted."""
        before = [one for one in self.failed if one.digest == trial.digest]
        others = [one for one in self.failed if one.digest != trial.digest]
        times = 1 + (before[0].times if before else 0)
        kept = (*others, Failed(trial.digest, times, failure))[-MAX_FAILURES:]
        return replace(self, trial=None, failed=kept)


def encode_memory(memory: Memory) -> bytes:
    """The memory as CBOR; it stays on the device."""
    trial: Item = None
    if memory.trial is not None:
        one = memory.trial
        failure = None if one.failure is None else int(one.failure)
        trial = [one.release, one.digest, one.slot, int(one.stage), int(one.reached), failure]
    failed: list[Item] = [[one.digest, one.times, int(one.failure)] for one in memory.failed]
    return encode({1: _VERSION, 2: trial, 3: failed, 4: encode_report(memory.report)})


def decode_memory(untrusted: bytes) -> Memory:
    """The value of an encoded memory; UntrustedInput otherwise (a damaged disk, or a newer firmware's file)."""
    fields = as_fields(decode(untrusted, MAX_MEMORY_BYTES), frozenset({1, 2, 3, 4}))
    if as_uint(fields[1]) != _VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The memory of updates is not of version {_VERSION}.")
    try:
        trial = None if fields[2] is None else _trial(as_list(fields[2], 6, 6))
        rows = [as_list(row, 3, 3) for row in as_list(fields[3], 0, MAX_FAILURES)]
        failed = tuple(Failed(as_bytes(r[0], 32, 32), as_uint(r[1]), as_enum(r[2], Failure)) for r in rows)
        return Memory(trial, failed, decode_report(as_bytes(fields[4], 1, MAX_REPORT_BYTES)))
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The memory of updates is not valid: {error}.") from error


def _trial(row: list[Item]) -> Trial:
    failure = None if row[5] is None else as_enum(row[5], Failure)
    release, digest = as_text(row[0], 64), as_bytes(row[1], 32, 32)
    return Trial(release, digest, as_text(row[2], 1), as_enum(row[3], Stage), as_uint(row[4], 1) == 1, failure)
