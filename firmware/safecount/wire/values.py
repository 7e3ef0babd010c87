"""The nouns that cross the privacy line, and the privacy profiles that both sides compute with.

Standard library only, so that the counting core can make them. A value that exists is valid: the constructors check,
and raise ValueError.
"""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, IntFlag
from fractions import Fraction

TEXT_MAX_BYTES = 64
DEVICE_MAX_BYTES = 32
"""A device's name in envelopes and certificates."""
COUNT_LIMIT = 2**31 - 1
REASON_MAX = 255
COVERAGE_STEP_S = 300
TEMPERATURE_STEP_C = 10
DISK_STEP_PERCENT = 5
HOUR_S = 3600
DAY_MAX_S = 26 * HOUR_S
"""The longest local day there is: 24 hours, and at most two that a zone sets its clocks back."""
UTC_MAX_S = 2**40
PORT_MAX = 65_535


class Node(IntEnum):
    """The two kinds of bin that a door and local day have."""

    HOUR = 1
    DAY = 2


class State(IntEnum):
    """What became of a bin. LOST: it was open, or not watched, when the device stopped; it has no count and never
    will.
    """

    RELEASED = 1
    LOST = 2


class Profile(IntEnum):
    """How much one visit may show. There is none above ACCURATE (docs/adr/0006-release.md)."""

    STRICT = 1
    STANDARD = 2
    ACCURATE = 3


class Accelerator(IntEnum):
    """What ran the detector; the weakest one in a bin stands in its record."""

    NONE = 0
    CPU = 1
    EDGE_TPU = 2


class ClockQuality(IntEnum):
    """How well UTC was known. UNSET: before the clock floor, as after a start in 1970; nothing is counted then."""

    UNSET = 0
    ESTIMATED = 1
    SYNCED = 2


class CameraState(IntEnum):
    """What the camera did since the last health record."""

    MISSING = 0
    FAILING = 1
    WORKING = 2


class Trouble(IntFlag):
    """What is or was wrong since the last health record, as bits; none of them depends on who passed.

    DISK_FAILING: it refuses to write or gives back other bytes than it was given. NETWORK: the newest receipt is older
    than two rounds of health records. NOT_COUNTING: the counting process has not told how it is.
    """

    CAMERA_MISSING = 1
    CAMERA_HUNG = 2
    ACCELERATOR_LOST = 4
    MODEL_FAILED = 8
    DISK_FULL = 16
    DISK_FAILING = 32
    CLOCK_UNSET = 64
    NETWORK = 128
    NOT_COUNTING = 256
    KEYSET_EXPIRED = 512


ALL_TROUBLES = sum(Trouble)
COUNTING_TROUBLES = Trouble.CAMERA_MISSING | Trouble.CAMERA_HUNG | Trouble.ACCELERATOR_LOST | Trouble.MODEL_FAILED
"""Those that the counting process itself can tell of."""


class UpdateState(IntEnum):
    """What became of the newest firmware that was offered. TRIAL: it runs, and is not kept for good yet."""

    NOTHING_NEW = 0
    REFUSED = 1
    UPDATED = 2
    FELL_BACK = 3
    TRIAL = 4


EPSILON = {Profile.STRICT: Fraction(1, 4), Profile.STANDARD: Fraction(1, 2), Profile.ACCURATE: Fraction(1)}
"""The whole privacy loss of one visit."""
SHARE = {Node.HOUR: Fraction(3, 5), Node.DAY: Fraction(2, 5)}
"""A visit lies in one hour and in one day: the shares add up to one."""


def node_epsilon(profile: Profile, node: Node, *, exits: bool) -> Fraction:
    """The epsilon of one number of a bin: its noise is discrete Laplace with P(n) proportional to exp(-epsilon |n|).

    With exits, a visit is counted twice, once in and once out, and each direction has half.
    """
    return EPSILON[profile] * SHARE[node] / (2 if exits else 1)


@dataclass(frozen=True, slots=True)
class BinOpened:
    """A bin of a door has begun. Holds no count: it only makes sure that, after a power cut, the bin is known to be
    lost.

    From `start_s` to `end_s`, UTC seconds. It stays on the device.
    """

    door: str
    node: Node
    start_s: int
    end_s: int

    def __post_init__(self) -> None:
        _check_texts(self.door)
        longest = HOUR_S if self.node is Node.HOUR else DAY_MAX_S
        _check(0 <= self.start_s < self.end_s <= min(UTC_MAX_S, self.start_s + longest), "the bin's time")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A stretch of time for which a door's bins of one kind are accounted for. It stays on the device.

    With `open` it is one bin that was opened and not closed; else it is a run of bins that were released or reported
    lost.
    """

    door: str
    node: Node
    start_s: int
    end_s: int
    open: bool


@dataclass(frozen=True, slots=True)
class CountRecord:
    """One bin of one door: noisy whole numbers, and how far they can be trusted.

    `start_s` and `length_s` are UTC seconds; `day` is the local date in `zone`. `entered` and `exited` already hold
    their noise and may be negative; both are None in a LOST bin, and `exited` is None without `exits`. `coverage_s` is
    the time watched, in steps of 300 s. `boot` and `closed_monotonic_s` say when the bin closed on the device's own
    clock.
    """

    site: str
    door: str
    node: Node
    state: State
    start_s: int
    length_s: int
    day: date
    zone: str
    entered: int | None
    exited: int | None
    exits: bool
    profile: Profile
    coverage_s: int
    accelerator: Accelerator
    clock: ClockQuality
    rule: str
    boot: bytes
    closed_monotonic_s: int

    def __post_init__(self) -> None:
        _check_texts(self.site, self.door, self.zone, self.rule)
        longest = HOUR_S if self.node is Node.HOUR else DAY_MAX_S
        _check(0 <= self.start_s <= UTC_MAX_S and 0 < self.length_s <= longest, "the bin's time")
        _check(self.coverage_s % COVERAGE_STEP_S == 0 and 0 <= self.coverage_s <= longest, "the coverage")
        _check(len(self.boot) == 16 and 0 <= self.closed_monotonic_s <= UTC_MAX_S, "the device's own time")
        released = self.state is State.RELEASED
        _check((self.entered is not None) == released, "the entries")
        _check((self.exited is not None) == (released and self.exits), "the exits")
        _check(released or self.coverage_s == 0, "the coverage of a lost bin")
        for count in (self.entered, self.exited):
            _check(count is None or abs(count) <= COUNT_LIMIT, "a count")


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """How a device is, for those who run it: coarse, at a fixed rhythm, and nothing that depends on who passed.

    `at_s` is UTC in whole hours. `slot` is the system slot that runs ("A", "B" or "-"). `temperature_c` is in steps of
    10 or None, `disk_free_percent` in steps of 5. `dropped` counts envelopes that a full spool gave up since it was
    made. `keyset` is the serial of the recipients in use. `update_reason` says why an update was refused or fell back,
    0 for no reason (docs/formats.md).
    """

    at_s: int
    version: str
    slot: str
    temperature_c: int | None
    disk_free_percent: int
    camera: CameraState
    accelerator: Accelerator
    clock: ClockQuality
    dropped: int
    keyset: int
    boot: bytes
    troubles: Trouble
    update: UpdateState
    update_reason: int

    def __post_init__(self) -> None:
        _check_texts(self.version)
        _check(self.slot in {"A", "B", "-"}, "the slot")
        _check(0 <= self.at_s <= UTC_MAX_S and self.at_s % HOUR_S == 0, "the hour")
        celsius = self.temperature_c
        _check(celsius is None or (celsius % TEMPERATURE_STEP_C == 0 and -50 <= celsius <= 150), "the temperature")
        _check(self.disk_free_percent % DISK_STEP_PERCENT == 0 and 0 <= self.disk_free_percent <= 100, "the free disk")
        _check(0 <= self.dropped <= COUNT_LIMIT and 0 <= self.keyset <= COUNT_LIMIT, "a counter")
        _check(len(self.boot) == 16, "the boot id")
        _check(0 <= self.troubles <= ALL_TROUBLES and 0 <= self.update_reason <= REASON_MAX, "the troubles")


def _check(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ValueError(f"a record cannot hold {what} that it was given")


def _check_texts(*texts: str) -> None:
    for text in texts:
        _check(1 <= len(text.encode()) <= TEXT_MAX_BYTES and text.isprintable(), "a text")
