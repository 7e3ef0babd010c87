"""A spool in memory, with the behaviour of the real one (tests/contracts/test_spool.py holds both to it)."""

from collections.abc import Sequence
from hashlib import sha256

from safecount.delivery.ports import NotAccountable, StoredEnvelope
from safecount.delivery.sealer import Sealed
from safecount.wire.chain import Link, start_of
from safecount.wire.errors import Reason
from safecount.wire.receipt import Receipt
from safecount.wire.values import BinOpened, CountRecord, LedgerRow, Node, State

Bin = tuple[str, Node, int, int]


class MemorySpool:
    """Implements `delivery.ports.Outbox` and `Backlog`. Bounded by the test that fills it."""

    def __init__(self, new_epoch: int) -> None:
        self._head = start_of(new_epoch)
        self._open: dict[Bin, bool] = {}
        self._envelopes: dict[tuple[int, int], bytes] = {}
        self._held: dict[tuple[int, int], Reason] = {}

    def head(self) -> Link:
        return self._head

    def ledger(self) -> list[LedgerRow]:
        return [LedgerRow(*key, open=opened) for key, opened in sorted(self._open.items())]

    def _overlapping(self, wanted: Bin) -> list[Bin]:
        return [key for key in self._open if key[:2] == wanted[:2] and key[2] < wanted[3] and wanted[2] < key[3]]

    def open_bin(self, opened: BinOpened) -> None:
        key = (opened.door, opened.node, opened.start_s, opened.end_s)
        if self._overlapping(key):
            raise NotAccountable("opened before")
        self._open[key] = True

    def append(self, sealed: Sealed, record: CountRecord | None) -> None:
        if (sealed.link.epoch, sealed.link.sequence) != (self._head.epoch, self._head.sequence + 1):
            raise ValueError("does not follow the head of the chain")
        if record is not None:
            key = (record.door, record.node, record.start_s, record.start_s + record.length_s)
            if not self._open.get(key, False) and (self._overlapping(key) or record.state is State.RELEASED):
                raise NotAccountable("not open")
            self._open[key] = False
        self._head = sealed.link
        self._envelopes[sealed.link.epoch, sealed.link.sequence] = sealed.raw

    def unsent(self, limit: int) -> list[StoredEnvelope]:
        return [
            StoredEnvelope(*place, sha256(raw).digest(), raw)
            for place, raw in sorted(self._envelopes.items())
            if place not in self._held
        ][:limit]

    def drop(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            raw = self._envelopes.get((receipt.epoch, receipt.sequence))
            if raw is not None and sha256(raw).digest() == receipt.digest:
                del self._envelopes[receipt.epoch, receipt.sequence]

    def hold(self, envelope: StoredEnvelope, reason: Reason) -> None:
        self._held[envelope.epoch, envelope.sequence] = reason
