"""What delivery needs of the world: a spool on one side, a transport on the other. The edges implement both."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from safecount.delivery.sealer import Sealed
from safecount.errors import SafecountError
from safecount.wire.chain import Link
from safecount.wire.errors import Reason
from safecount.wire.receipt import Receipt
from safecount.wire.uplink import Answer
from safecount.wire.values import BinOpened, CountRecord


class NotAccountable(SafecountError):  # noqa: N818 - it says what the record is
    """A bin that is opened or told of a second time, or released without having been opened. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """An envelope that waits in the spool."""

    epoch: int
    sequence: int
    digest: bytes
    raw: bytes


class Outbox(Protocol):
    """The seal process's side of the spool. Each call is on disk and synced when it returns."""

    def head(self) -> Link:
        """The last link that was appended, or the beginning of the epoch."""

    def open_bin(self, opened: BinOpened) -> None:
        """Remember that a bin has begun. NotAccountable if any of its time is accounted for already."""

    def append(self, sealed: Sealed, record: CountRecord | None) -> None:
        """Store the envelope after the head, together with the bin of `record` being done with.

        NotAccountable for a released bin that is not open, or a lost one that is done with.
        """


class Backlog(Protocol):
    """The uplink process's side of the spool."""

    def unsent(self, limit: int) -> list[StoredEnvelope]:
        """The oldest envelopes that are neither receipted nor refused, in the chain's order."""

    def drop(self, receipts: Sequence[Receipt]) -> None:
        """Forget what these receipts are for: exactly the envelopes with their numbers and digests."""

    def hold(self, envelope: StoredEnvelope, reason: Reason) -> None:
        """Keep an envelope that the collector will never take, but offer it no more."""


class FailureKind(Enum):
    """Why nothing was delivered. All are tried again; INTRUDER is also worth a person's look."""

    UNREACHABLE = "no connection"
    INTRUDER = "not the collector's certificate"
    INTERCEPTED = "an answer of somebody in between, such as a captive portal"
    BROKEN_ANSWER = "half an answer, or no sense in it"
    BUSY = "the collector asks to come back later"
    REJECTED = "the collector does not take the request"


@dataclass(frozen=True, slots=True)
class Failure:
    """Nothing is known to be delivered. `retry_after_s` is the collector's own wish, if it had one; `reset` an order to
    forget the owner that came with the refusals, still untrusted.
    """

    kind: FailureKind
    retry_after_s: int | None = None
    reset: bytes = b""


Outcome: TypeAlias = Answer | Failure


class Transport(Protocol):
    """The way to the collector."""

    def send(self, envelopes: Sequence[bytes]) -> Outcome:
        """Deliver a batch of at most `wire.uplink.MAX_BATCH`. Whatever goes wrong is an outcome, not an exception."""
