"""What device and collector say over HTTPS: a batch of envelopes one way, receipts and refusals the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from safecount.wire.encoding import Fields, Item, as_bytes, as_enum, as_fields, as_list, as_uint, decode, encode
from safecount.wire.envelope import ENVELOPE_BYTES
from safecount.wire.errors import Reason
from safecount.wire.receipt import MAX_RECEIPT_BYTES
from safecount.wire.reset_order import MAX_RESET_BYTES
from safecount.wire.values import COUNT_LIMIT

ENVELOPES_PATH = "/v1/envelopes"
KEYSET_PATH = "/v1/keyset"
CONTENT_TYPE = "application/cbor"
MAX_BATCH = 64
MAX_BATCH_BYTES = MAX_BATCH * (ENVELOPE_BYTES + 3) + 2
MAX_ANSWER_BYTES = MAX_BATCH * (MAX_RECEIPT_BYTES + 8) + MAX_RESET_BYTES + 72


@dataclass(frozen=True, slots=True)
class Refusal:
    """The envelope at `index` (from 0) of the batch was not stored, and why."""

    index: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: a signed receipt for each envelope that is stored, now or before, and the refusals.

    `keyset` is the serial of the newest keyset that the collector can give, 0 for none. `reset` is an order to forget the
    owner (`wire.reset_order`), b"" for none.
    """

    receipts: tuple[bytes, ...]
    refused: tuple[Refusal, ...]
    keyset: int = 0
    reset: bytes = b""


def encode_batch(envelopes: Sequence[bytes]) -> bytes:
    """The request's body: an array of 1 to MAX_BATCH envelopes, oldest first."""
    return encode(list(envelopes))


def decode_batch(untrusted: bytes) -> list[bytes]:
    """The envelopes of a request, each still untrusted and at most ENVELOPE_BYTES long; UntrustedInput otherwise."""
    return [as_bytes(item, 1, ENVELOPE_BYTES) for item in as_list(decode(untrusted, MAX_BATCH_BYTES), 1, MAX_BATCH)]


def encode_answer(answer: Answer) -> bytes:
    """The answer's body."""
    refused: list[Item] = [[refusal.index, int(refusal.reason)] for refusal in answer.refused]
    fields: Fields = {1: list(answer.receipts), 2: refused, 3: answer.keyset}
    return encode(fields | ({4: answer.reset} if answer.reset else {}))


def decode_answer(untrusted: bytes) -> Answer:
    """The value of an answer, its receipts and order still untrusted; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_ANSWER_BYTES), frozenset({1, 2, 3}), frozenset({4}))
    return Answer(
        receipts=tuple(as_bytes(item, 1, MAX_RECEIPT_BYTES) for item in as_list(fields[1], 0, MAX_BATCH)),
        refused=tuple(_parse_refusal(item) for item in as_list(fields[2], 0, MAX_BATCH)),
        keyset=as_uint(fields[3], COUNT_LIMIT),
        reset=as_bytes(fields[4], 1, MAX_RESET_BYTES) if 4 in fields else b"",
    )


def _parse_refusal(item: Item) -> Refusal:
    index, reason = as_list(item, 2, 2)
    return Refusal(as_uint(index, MAX_BATCH - 1), as_enum(reason, Reason))
