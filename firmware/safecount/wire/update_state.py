"""What became of updates: four end states and a closed list of reasons, as they stand in the health record.

The update process leaves the newest report in a small file; the seal process puts it into the next health record. Pure:
bytes in, a valid value or UntrustedInput out. A number is never given a new meaning (docs/formats.md, "UpdateReport").
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from safecount.wire.encoding import as_enum, as_fields, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import UpdateState

__all__ = ["Failure", "Refusal", "UpdateReport", "UpdateState", "decode_report", "encode_report", "reason_of"]

MAX_REPORT_BYTES = 256
REPORT_FILE = "report.cbor"
"""Its name in the update folder of the device."""
_VERSION = 1
_NONE = "-"
_VERSION_MAX_BYTES = 64
_KEYS = frozenset(range(1, 6))


class Refusal(IntEnum):
    """Why what the repository, the mirror or the network gave was not installed."""

    # The way there
    UNREACHABLE = 1
    BAD_ANSWER = 2
    TOO_LONG = 3
    TOO_SLOW = 4
    # The metadata
    EXPIRED = 10
    FROZEN = 11
    ROLLED_BACK = 12
    MIXED = 13
    MALFORMED = 14
    UNSIGNED_ROOT = 15
    UNSIGNED_TIMESTAMP = 16
    UNSIGNED_SNAPSHOT = 17
    UNSIGNED_TARGETS = 18
    # The device's own state
    CLOCK_UNSET = 20
    CLOCK_AHEAD = 21
    DISK_FULL = 22
    DATA_TOO_NEW = 23
    # The release
    WRONG_BOARD = 30
    OLDER_RELEASE = 31
    NOT_LISTED = 32
    TAMPERED = 33
    NOT_SIGNED = 34
    INSTALL_FAILED = 35
    FAILED_BEFORE = 36


class Failure(IntEnum):
    """Why a trial did not become the release that runs. 50: the new slot never came as far as its own check."""

    NOT_BOOTED = 50
    INTERRUPTED = 51
    CHECK_HUNG = 52
    CAMERA = 53
    MODEL = 54
    RECORDS = 55
    UPLINK = 56
    MEMORY = 57
    TEMPERATURE = 58
    SERVICES = 59
    NOT_COMMITTED = 60


UpdateReason: TypeAlias = Refusal | Failure

NO_REASON = 0


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """The end of the last round. `reason` stands with REFUSED (a Refusal) and FELL_BACK (a Failure) only.

    `release` is the version it is about, "" where none was come to know. `at_s` is UTC seconds by the device's clock.
    """

    state: UpdateState
    reason: UpdateReason | None = None
    release: str = ""
    at_s: int = 0

    def __post_init__(self) -> None:
        kind = {UpdateState.REFUSED: Refusal, UpdateState.FELL_BACK: Failure}.get(self.state, type(None))
        fits = isinstance(self.reason, kind)
        if not fits:
            raise ValueError(f"a report of {self.state.name} cannot have the reason {self.reason!r}")
        if len(self.release.encode()) > _VERSION_MAX_BYTES or not self.release.isprintable() or self.release == _NONE:
            raise ValueError("a report cannot hold that release")
        if not 0 <= self.at_s < 2**40:
            raise ValueError("a report cannot hold that time")

    @property
    def reason_number(self) -> int:
        """The number of the health record: 0 where there is no reason."""
        return NO_REASON if self.reason is None else int(self.reason)


def reason_of(number: int) -> UpdateReason | None:
    """The reason of a number; None for 0. ValueError for a number that is on no list."""
    if number == NO_REASON:
        return None
    return Refusal(number) if number < min(Failure) else Failure(number)


def encode_report(report: UpdateReport) -> bytes:
    """The report as a CBOR map (docs/formats.md, "UpdateReport")."""
    release = report.release or _NONE
    return encode({1: _VERSION, 2: int(report.state), 3: report.reason_number, 4: release, 5: report.at_s})


def decode_report(untrusted: bytes) -> UpdateReport:
    """The value of an encoded report; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_REPORT_BYTES), _KEYS)
    if as_uint(fields[1]) != _VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The update report is not of version {_VERSION}.")
    release = as_text(fields[4], _VERSION_MAX_BYTES)
    try:
        reason = reason_of(as_uint(fields[3]))
        state = as_enum(fields[2], UpdateState)
        return UpdateReport(state, reason, "" if release == _NONE else release, as_uint(fields[5]))
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The update report is not valid: {error}.") from error
