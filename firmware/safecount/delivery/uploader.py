"""One visit to the collector: offer the oldest envelopes, forget those it signed a receipt for.

Idempotent: whatever is interrupted is offered again, and the collector takes a repeat silently.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.delivery.ports import Backlog, Failure, FailureKind, StoredEnvelope, Transport
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.receipt import Receipt, verify_receipt
from safecount.wire.uplink import MAX_BATCH, Answer

PASSING = frozenset({Reason.UNKNOWN_DEVICE, Reason.QUARANTINED, Reason.RETRY_LATER})
"""Reasons that may be gone tomorrow; for the others sending the same bytes again cannot help."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a visit came to. `more`: the batch was full, so there may be more to send. `received_at_s` is the latest
    time in a receipt (0 for none), `keyset` the serial of the newest keyset that the collector has, `reset` an order to
    forget the owner, still untrusted (b"" for none).
    """

    dropped: int
    held: int
    more: bool
    received_at_s: int
    keyset: int
    reset: bytes = b""


Visit: TypeAlias = Delivered | Failure


def upload_once(
    backlog: Backlog, transport: Transport, device: str, collectors: Sequence[Ed25519PublicKey], limit: int = MAX_BATCH
) -> Visit:
    """Offer one batch. A visit that brought nothing forward is a failure, so that it is followed by a longer wait."""
    batch = backlog.unsent(limit)
    if not batch:
        return Delivered(0, 0, more=False, received_at_s=0, keyset=0)
    outcome = transport.send([envelope.raw for envelope in batch])
    if isinstance(outcome, Failure):
        return outcome
    receipts = _believed(outcome, batch, device, collectors)
    if receipts:
        backlog.drop(receipts)
    refused = _refused_for_good(outcome, batch, {receipt.digest for receipt in receipts})
    for envelope, reason in refused:
        backlog.hold(envelope, reason)
    if not receipts and not refused:
        return Failure(FailureKind.REJECTED if outcome.refused else FailureKind.BROKEN_ANSWER, reset=outcome.reset)
    return Delivered(
        dropped=len(receipts),
        held=len(refused),
        more=len(batch) == limit,
        received_at_s=max((receipt.received_at_s for receipt in receipts), default=0),
        keyset=outcome.keyset,
        reset=outcome.reset,
    )


def _believed(
    answer: Answer, batch: Sequence[StoredEnvelope], device: str, collectors: Sequence[Ed25519PublicKey]
) -> list[Receipt]:
    """The receipts with a good signature that are for envelopes of this batch; all others count for nothing."""
    offered = {(device, envelope.epoch, envelope.sequence, envelope.digest) for envelope in batch}
    believed = []
    for untrusted in answer.receipts:
        with suppress(UntrustedInput):
            receipt = verify_receipt(untrusted, collectors)
            if (receipt.device, receipt.epoch, receipt.sequence, receipt.digest) in offered:
                believed.append(receipt)
    return believed


def _refused_for_good(
    answer: Answer, batch: Sequence[StoredEnvelope], receipted: set[bytes]
) -> list[tuple[StoredEnvelope, Reason]]:
    return [
        (batch[refusal.index], refusal.reason)
        for refusal in answer.refused
        if refusal.index < len(batch) and refusal.reason not in PASSING and batch[refusal.index].digest not in receipted
    ]
