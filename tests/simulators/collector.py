"""A collector in memory that keeps the rules of docs/formats.md, and can be told to fail in every way a network knows.

Implements `delivery.ports.Transport` for the journeys of a device; the real collector has tests of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.delivery.ports import Failure, FailureKind, Outcome
from safecount.wire.chain import Link, Step, classify, start_of
from safecount.wire.envelope import Envelope, parse_envelope, verify_envelope
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.receipt import receipt_for, sign_receipt
from safecount.wire.uplink import Answer, Refusal, decode_answer, decode_batch, encode_answer, encode_batch
from simulators.keys import signing_key

RECEIVED_AT_S = 1_781_090_000
STALL_S = 0.02


@dataclass
class MemoryCollector:
    """Stores what is new, gives receipts, takes repeats silently. `weather` says what happens to the next visits."""

    device_key: Ed25519PublicKey
    stored: dict[tuple[int, int], Envelope] = field(default_factory=dict)
    weather: list[str] = field(default_factory=list)
    refuse: dict[int, Reason] = field(default_factory=dict)
    signer: str = "collector"
    newest_keyset: int = 1
    received_at_s: int = RECEIVED_AT_S

    def send(self, envelopes: Sequence[bytes]) -> Outcome:
        weather = self.weather.pop(0) if self.weather else "fair"
        match weather:
            case "unreachable":
                return Failure(FailureKind.UNREACHABLE)
            case "busy":
                return Failure(FailureKind.BUSY, retry_after_s=120)
            case "stalled":
                time.sleep(STALL_S)
            case "cut before storing":
                return Failure(FailureKind.BROKEN_ANSWER)
            case "cut after storing":
                self._take(envelopes)
                return Failure(FailureKind.BROKEN_ANSWER)
            case "half stored":
                return self._take(envelopes[: len(envelopes) // 2 + 1])
            case "doubled":
                self._take(envelopes)
        return self._take(envelopes)

    def _take(self, envelopes: Sequence[bytes]) -> Answer:
        receipts, refused = [], []
        for index, untrusted in enumerate(decode_batch(encode_batch(envelopes))):
            try:
                receipts.append(self._store(untrusted))
            except UntrustedInput as error:
                refused.append(Refusal(index, error.reason))
        return decode_answer(encode_answer(Answer(tuple(receipts), tuple(refused), self.newest_keyset)))

    def _store(self, untrusted: bytes) -> bytes:
        envelope = verify_envelope(parse_envelope(untrusted), self.device_key)
        header = envelope.header
        if header.sequence in self.refuse:
            raise UntrustedInput(self.refuse[header.sequence], "as the test asked")
        known = self.stored.get((header.epoch, header.sequence))
        if known is not None and known.raw != untrusted:
            raise UntrustedInput(Reason.FORK, "another envelope has this number")
        if classify(self.last(), header) is Step.BROKEN:
            raise UntrustedInput(Reason.BROKEN_CHAIN, "names another envelope before it")
        self.stored[header.epoch, header.sequence] = envelope
        return sign_receipt(receipt_for(envelope, self.received_at_s), signing_key(self.signer))

    def last(self) -> Link:
        if not self.stored:
            return start_of(0)
        place = max(self.stored)
        return Link(*place, self.stored[place].digest)
