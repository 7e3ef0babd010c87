"""What becomes of a verified envelope: pure rules over what is stored of its device (docs/formats.md, "Chain").

Whatever these rules let in fits its neighbours: of any two stored envelopes with following numbers, the later names
the earlier one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from safecount.wire.envelope import Envelope
from safecount.wire.errors import Reason

Place = tuple[int, int]
"""An epoch and a sequence in it."""

EVIDENCE = frozenset({Reason.FORK, Reason.STEP_BACK, Reason.BROKEN_CHAIN})
"""What puts a device into quarantine: it has signed two things that cannot both be so."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a stored envelope: its SHA-256, that of the one before it, and when (UTC) it came."""

    digest: bytes
    previous: bytes
    received_at_s: int


def judge(newest_epoch: int | None, known: Mapping[Place, Stored], envelope: Envelope) -> Stored | Reason | None:
    """None: store it. A Stored: it is there already, so the receipt is given again. A Reason: refuse it.

    `newest_epoch` is that of the device's newest chain, None before its first. `known` holds what is stored under the
    envelope's own place, the one before and the one behind.
    """
    header = envelope.header
    epoch, sequence = header.epoch, header.sequence
    same = known.get((epoch, sequence))
    if same is not None:
        return same if same.digest == envelope.digest else Reason.FORK
    if newest_epoch is not None and epoch < newest_epoch:
        return Reason.STEP_BACK
    before, behind = known.get((epoch, sequence - 1)), known.get((epoch, sequence + 1))
    if before is not None and before.digest != header.previous:
        return Reason.BROKEN_CHAIN
    if behind is not None and behind.previous != envelope.digest:
        return Reason.BROKEN_CHAIN
    return None
