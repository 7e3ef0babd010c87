"""What becomes of one request of a device: verified, stored durably, and only then receipted. Nothing is opened."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.errors import SafecountError
from safecount.wire.envelope import Envelope, parse_envelope, verify_envelope
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.receipt import receipt_for, sign_receipt
from safecount.wire.uplink import Answer, Refusal, decode_batch
from safecount_ops.collector.authority import write_private
from safecount_ops.collector.database import Database
from safecount_ops.collector.registry import Device, Registry
from safecount_ops.collector.store import Batch, Kept, Result, store


def utc_now_s() -> int:
    """The collector's clock."""
    return int(time.time())


class Intake:
    """The device port's work, apart from HTTP. Remembers nothing between requests."""

    def __init__(
        self, database: Database, receipt_key: Ed25519PrivateKey, now_s: Callable[[], int] = utc_now_s
    ) -> None:
        self._database = database
        self._registry = Registry(database)
        self._receipt_key = receipt_key
        self._now_s = now_s

    def take(self, device: str, untrusted_body: bytes) -> Answer:
        """The answer to a batch that `device`, known by its certificate, has brought.

        Raises:
            UntrustedInput: the body is no batch.
            DatabaseUnavailable: nothing of it was stored.
        """
        untrusted = decode_batch(untrusted_body)
        known = self._registry.find_device(device)
        if known is None or not known.active:
            refused = tuple(Refusal(index, Reason.UNKNOWN_DEVICE) for index in range(len(untrusted)))
            return Answer((), refused, reset=b"" if known is None else known.reset)
        checked = [_check(known, one) for one in untrusted]
        good = [one for one in checked if isinstance(one, Envelope)]
        with self._database.writing() as connection:
            result = store(connection, [Batch(known.name, known.key, good)], self._now_s())[0]
        return replace(self._answer(checked, result), reset=known.reset)

    def keyset(self, device: str) -> bytes | None:
        """The newest keyset of the device's tenant; None if there is none, or no such device."""
        known = self._registry.find_device(device)
        return None if known is None or not known.active else self._registry.newest_keyset(known.tenant)

    def _answer(self, checked: list[Envelope | Reason], result: Result) -> Answer:
        receipts, refused = [], []
        outcomes = iter(result.outcomes)
        for index, one in enumerate(checked):
            outcome = next(outcomes) if isinstance(one, Envelope) else one
            if isinstance(one, Envelope) and isinstance(outcome, Kept):
                receipts.append(sign_receipt(receipt_for(one, outcome.received_at_s), self._receipt_key))
            elif isinstance(outcome, Reason):
                refused.append(Refusal(index, outcome))
        return Answer(tuple(receipts), tuple(refused), result.keyset)


def _check(device: Device, untrusted: bytes) -> Envelope | Reason:
    try:
        envelope = verify_envelope(parse_envelope(untrusted), Ed25519PublicKey.from_public_bytes(device.key))
    except UntrustedInput as error:
        return error.reason
    return envelope if envelope.header.device == device.name else Reason.BAD_FIELD


def create_receipt_key(file: Path) -> None:
    """A new key that receipts are signed with."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(file, pem)


def read_receipt_key(file: Path) -> Ed25519PrivateKey:
    """The key in `file`; SafecountError if it cannot be read."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise SafecountError(f"The receipt key {file} cannot be read: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SafecountError(f"The receipt key {file} is no Ed25519 key.")
    return key
