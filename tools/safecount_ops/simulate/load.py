"""Sends what simulated devices have in their spools, by the device's own uplink, as fast as the collector takes it.

A device that is told to come later waits as it was told. Holds a number for each visit.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.delivery.ports import Failure, FailureKind
from safecount.delivery.uploader import upload_once
from safecount.edges.https import HttpsTransport
from safecount.edges.spool_db import SpoolDb
from safecount.errors import SafecountError
from safecount_ops.simulate.fleet import SimulatedDevice

PATIENCE_S = 120.0
"""How long a device goes on without a receipt."""
_RETRY_S = 0.5


@dataclass(slots=True)
class Load:
    """What came of it. `visits_s`: the seconds of each visit that brought receipts."""

    receipts: int = 0
    refused: int = 0
    took_s: float = 0.0
    visits_s: list[float] = field(default_factory=list)
    failures: Counter[FailureKind] = field(default_factory=Counter)

    def visit_s(self, share: float) -> float:
        """The seconds within which this share of the visits was done."""
        ordered = sorted(self.visits_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def send_all(
    devices: Sequence[SimulatedDevice],
    receipt_key: Ed25519PublicKey,
    at_once: int,
    batch: int,
    progress: Callable[[int], None],
) -> Load:
    """Send all spools, `at_once` devices at a time; `progress` is called with the receipts so far.

    Raises:
        SafecountError: a device had no receipt for PATIENCE_S.
    """
    load, lock = Load(), Lock()

    def took(visit_s: float, receipts: int, refused: int) -> None:
        with lock:
            load.visits_s.append(visit_s)
            load.receipts += receipts
            load.refused += refused
            progress(load.receipts)

    def failed(kind: FailureKind) -> None:
        with lock:
            load.failures[kind] += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_send, device, receipt_key, batch, (took, failed)) for device in devices]
        try:
            for future in running:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
    load.took_s = time.perf_counter() - began
    return load


_Told = tuple[Callable[[float, int, int], None], Callable[[FailureKind], None]]


def _send(device: SimulatedDevice, receipt_key: Ed25519PublicKey, batch: int, told: _Told) -> None:
    took, failed = told
    transport = HttpsTransport(device.collector)
    last_s = time.monotonic()
    try:
        with SpoolDb(device.spool_file, new_epoch=None) as spool:
            while spool.unsent(1):
                began = time.perf_counter()
                visit = upload_once(spool, transport, device.name, [receipt_key], batch)
                if not isinstance(visit, Failure):
                    took(time.perf_counter() - began, visit.dropped, visit.held)
                    last_s = time.monotonic()
                    continue
                failed(visit.kind)
                if time.monotonic() - last_s > PATIENCE_S:
                    raise SafecountError(
                        f"{device.name} has had no receipt for {PATIENCE_S:.0f} s: {visit.kind.value}. Does it run there?"
                    )
                time.sleep(_RETRY_S if visit.retry_after_s is None else visit.retry_after_s)
    finally:
        transport.close()
