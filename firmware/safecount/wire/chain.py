"""The hash chain over a device's envelopes: what comes next, and what an envelope is to the one before.

Used by the device to number what it sends, by the collector to see gaps and forks, and by the controller to find
offline what was removed, edited, reordered or replayed.
"""

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from safecount.wire.envelope import DIGEST_BYTES, EnvelopeHeader


@dataclass(frozen=True, slots=True)
class Link:
    """The last envelope of a chain: its numbers and its SHA-256. Sequence 0, with zeros, is an epoch's empty
    beginning.
    """

    epoch: int
    sequence: int
    digest: bytes


class Step(Enum):
    """What an envelope is to the last link that was seen of its device.

    NEXT follows it. GAP is later in the epoch, with envelopes missing between. NEW_EPOCH is a later epoch's first, and
    NEW_EPOCH_GAP a later one of it. EARLIER has a number not above the last: what is stored under it tells a repeat
    (the same bytes) from a late one (nothing) and from a fork (other bytes). BROKEN has the next number, but names
    another envelope before it: evidence of a fork. STEP_BACK is of an older epoch.
    """

    NEXT = "next"
    GAP = "gap"
    NEW_EPOCH = "new epoch"
    NEW_EPOCH_GAP = "new epoch, gap"
    EARLIER = "earlier"
    BROKEN = "broken"
    STEP_BACK = "step back"


def start_of(epoch: int) -> Link:
    """The empty beginning of an epoch."""
    return Link(epoch, 0, bytes(DIGEST_BYTES))


def next_link(header: EnvelopeHeader, raw: bytes) -> Link:
    """The link that the envelope `raw` with this header is."""
    return Link(header.epoch, header.sequence, sha256(raw).digest())


def classify(last: Link, header: EnvelopeHeader) -> Step:
    """What a verified envelope with this header is to the last link of the same device."""
    if header.epoch < last.epoch:
        return Step.STEP_BACK
    if header.epoch > last.epoch:
        return Step.NEW_EPOCH if header.sequence == 1 else Step.NEW_EPOCH_GAP
    if header.sequence <= last.sequence:
        return Step.EARLIER
    if header.sequence > last.sequence + 1:
        return Step.GAP
    return Step.NEXT if header.previous == last.digest else Step.BROKEN
