"""The seal process's one act: a message from the counting side becomes a stored fact, once.

Each message may come twice, for its sender repeats what was not acknowledged. What is stored already is left as it is.
"""

from enum import IntEnum
from typing import assert_never

from safecount.delivery.ports import NotAccountable, Outbox
from safecount.delivery.sealer import Sealer
from safecount.wire.values import BinOpened, CountRecord, HealthRecord


class Verdict(IntEnum):
    """What became of a message; the numbers cross the local socket."""

    STORED = 0
    ALREADY_ACCOUNTED = 1


def record(outbox: Outbox, sealer: Sealer, message: BinOpened | CountRecord | HealthRecord, utc_s: int) -> Verdict:
    """Store a message: a bin's opening in the ledger, a record sealed behind the chain's head.

    Errors of the outbox (a full disk) pass through; nothing is stored then, and the message may be repeated.
    """
    try:
        match message:
            case BinOpened():
                outbox.open_bin(message)
            case CountRecord():
                outbox.append(sealer.seal_count(message, outbox.head(), utc_s), message)
            case HealthRecord():
                outbox.append(sealer.seal_health(message, outbox.head()), None)
            case _:
                assert_never(message)
    except NotAccountable:
        return Verdict.ALREADY_ACCOUNTED
    return Verdict.STORED
