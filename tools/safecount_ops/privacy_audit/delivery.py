"""What leaves the device in a trial: real envelopes, from the real sealer, with a health record at the end; and what those
who hold no key, or every key, read in them.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.counting.aggregator import Message
from safecount.delivery.health import BoardState, DeviceState, HealthLog
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealed, Sealer
from safecount.wire.chain import Link, start_of
from safecount.wire.cose import parse_sign1
from safecount.wire.encoding import as_bytes, as_list, as_uint, decode
from safecount.wire.envelope import ENVELOPE_BYTES, ENVELOPE_TYPE, Kind, info_for, parse_envelope
from safecount.wire.keyset import Keyset, Recipient, Role
from safecount.wire.local import WatchStatus
from safecount.wire.record import decode_count, unpad_body
from safecount.wire.suite import SUITE
from safecount.wire.values import (
    UTC_MAX_S,
    Accelerator,
    BinOpened,
    CameraState,
    ClockQuality,
    CountRecord,
    HealthRecord,
    Trouble,
    UpdateState,
)
from safecount_ops.controller.keys import ReaderKey, reader_key

_KIND, _PREVIOUS = 2, 7


class _Sent:
    """Takes envelopes as the spool does, and keeps all of them. What was accounted for the trial's card has seen to."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self._head = start_of(1)

    def head(self) -> Link:
        return self._head

    def open_bin(self, opened: BinOpened) -> None:
        """The trial's card keeps the ledger."""

    def append(self, sealed: Sealed, record: CountRecord | None) -> None:  # noqa: ARG002 - the port's signature
        self._head = sealed.link
        self.raw.append(sealed.raw)


def send(messages: Sequence[Message], kind: type[Sealer], utc_s: int) -> list[bytes]:
    """The envelopes of the messages, and of a health record."""
    sent, sealer = _Sent(), kind("d1", _signing_key(), _keyset())
    for message in messages:
        if isinstance(message, CountRecord):
            record(sent, sealer, message, utc_s)
    record(sent, sealer, _health(utc_s), utc_s)
    return sent.raw


def read_outside(raw: Sequence[bytes]) -> list[object]:
    """What the collector and the network see: sizes, headers but for their digests, and the health records as they are."""
    seen: list[object] = []
    for one in raw:
        payload = parse_sign1(one, ENVELOPE_TYPE, ENVELOPE_BYTES).untrusted_payload
        header, contents, _ = as_list(decode(payload, ENVELOPE_BYTES), 3, 3)
        if not isinstance(header, dict):
            raise TypeError("an envelope without a header")
        bodies = [as_bytes(item, 0, ENVELOPE_BYTES) for item in as_list(contents, 0, 2)]
        open_bodies = bodies if as_uint(header[_KIND]) == Kind.HEALTH else [b""]
        fields = sorted((key, value) for key, value in header.items() if key != _PREVIOUS)
        seen.append((len(one), fields, [len(body) for body in bodies], open_bodies))
    return seen


def read_inside(raw: Sequence[bytes]) -> list[CountRecord]:
    """What whoever holds the reader's key sees beyond that."""
    records = []
    for envelope in map(parse_envelope, raw):
        if envelope.header.kind is Kind.COUNT:
            body = SUITE.decrypt(envelope.contents[0], _reader().private_key, info=info_for(envelope.header))
            records.append(decode_count(unpad_body(body)))
    return records


def _health(utc_s: int) -> HealthRecord:
    """A device in good order, on a board whose sensors stand still."""
    log = HealthLog()
    log.saw(WatchStatus(CameraState.WORKING, Accelerator.CPU, Trouble(0)))
    device = DeviceState(
        "1.0.0", bytes(16), ClockQuality.SYNCED, utc_s, utc_s, 0, _keyset(), UpdateState.NOTHING_NEW, 0
    )
    return log.record(BoardState(45.0, 0.8, "A"), device)


@cache
def _reader() -> ReaderKey:
    return reader_key(sha256(b"privacy audit: reader").digest())


@cache
def _signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(b"privacy audit: device").digest())


@cache
def _keyset() -> Keyset:
    return Keyset(1, (Recipient(Role.CONTROLLER, _reader().public_key, 0, UTC_MAX_S),), (bytes(32),))
