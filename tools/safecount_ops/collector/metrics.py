"""What Prometheus may read of a process: how much came and what became of it. No name of a device stands in it."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import func, select

from safecount_ops.collector.database import Database
from safecount_ops.collector.tables import chain, device

SILENT_AFTER_S = 86_400
"""A device has missed four health records by then."""
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """The counters of all processes of one `serve`, and the gauges of its database. They start from 0 with it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self.answers = Counter("safecount_answers", "Requests answered, by status.", ["status"], registry=own)
        self.turned_away = Counter("safecount_turned_away", "Requests answered 429, by cause.", ["cause"], registry=own)
        self.exclusions = Counter("safecount_exclusions", "Senders excluded for a while.", registry=own)
        self.receipts = Counter("safecount_receipts", "Receipts given.", registry=own)
        self.refused = Counter("safecount_refused_envelopes", "Envelopes refused, by reason.", ["reason"], registry=own)
        self.seconds = Histogram(
            "safecount_request_seconds", "From a request's head to its answer.", buckets=_SECONDS, registry=own
        )
        self._failing = Gauge(
            "safecount_database_failing",
            "1 while the database takes nothing that is written.",
            registry=own,
            multiprocess_mode="livemax",
        )
        self._devices = Gauge(
            "safecount_devices", "Devices, by state.", ["state"], registry=own, multiprocess_mode="mostrecent"
        )
        self._missing = Gauge(
            "safecount_missing_envelopes",
            "Sequence numbers that have not come.",
            registry=own,
            multiprocess_mode="mostrecent",
        )

    def database_does(self, trouble: str) -> None:
        """Note why the database takes nothing; "" while it does."""
        self._failing.set(1 if trouble else 0)

    def text(self, database: Database, now_s: int) -> bytes:
        """Everything, in Prometheus's text format."""
        with database.reading() as connection:
            states = connection.execute(
                select(
                    func.count(),
                    func.count(device.c.held_at),
                    func.count().filter(device.c.seen_at < now_s - SILENT_AFTER_S),
                ).where(device.c.active)
            ).one()
            missing = connection.execute(select(func.sum(chain.c.last_sequence - chain.c.stored))).scalar_one()
        for name, value in zip(("active", "held", "silent"), states, strict=True):
            self._devices.labels(name).set(value)
        self._missing.set(missing or 0)
        return generate_latest(_of_all_processes() or self._registry)


def _of_all_processes() -> CollectorRegistry | None:
    """What they have written down, where there are several; None for one alone."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
