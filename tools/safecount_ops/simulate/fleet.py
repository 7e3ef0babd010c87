"""Devices that there are not: each has keys, a certificate and a spool of its own, filled by the device's own sealing.

Only the camera is left out: what it would have counted comes from a crowd, and gets its noise like any other count.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.counting.noise import discrete_laplace
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.edges.https import HttpsSettings
from safecount.edges.spool_db import SpoolDb
from safecount.wire.keyset import Keyset
from safecount.wire.values import (
    HOUR_S,
    Accelerator,
    BinOpened,
    ClockQuality,
    CountRecord,
    Node,
    Profile,
    State,
    node_epsilon,
)
from safecount_ops.collector.authority import Authority, private_pem
from safecount_ops.collector.database import Database
from safecount_ops.collector.registry import DEFAULT_TENANT, Registry
from safecount_ops.collector.settings import CollectorSettings
from safecount_ops.controller.home import write_private
from safecount_ops.simulate.crowd import HOURS, PlaceDay

DAY_S = HOURS * HOUR_S
A_DAY = HOURS + 1
"""Records of a door and day."""
_RULE = "simulated"


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device that the collector knows, in a folder of its own."""

    name: str
    folder: Path
    signing_key: Ed25519PrivateKey
    collector: HttpsSettings

    @property
    def spool_file(self) -> Path:
        return self.folder / "spool.db"


def enrol(collector: CollectorSettings, url: str, folder: Path, count: int, now_s: int) -> list[SimulatedDevice]:
    """Let `count` new devices in at a collector's folder. Their names begin with the same random text."""
    database = Database(collector.database)
    try:
        registry, authority, run = Registry(database), Authority(collector.keys), secrets.token_hex(4)
        return [
            _enrolled(registry, authority, (collector, url), folder / f"sim-{run}-{number:05d}", now_s)
            for number in range(count)
        ]
    finally:
        database.close()


def _enrolled(
    registry: Registry, authority: Authority, where: tuple[CollectorSettings, str], folder: Path, now_s: int
) -> SimulatedDevice:
    folder.mkdir()
    signing, tls, (collector, url) = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()), where
    registry.add_device(folder.name, DEFAULT_TENANT, signing.public_key().public_bytes_raw(), now_s)
    key, certificate = folder / "tls.key.pem", folder / "tls.cert.pem"
    write_private(key, private_pem(tls))
    certificate.write_bytes(authority.issue_device(tls.public_key(), folder.name))
    return SimulatedDevice(
        folder.name, folder, signing, HttpsSettings(url, collector.keys / "ca.pem", certificate, key)
    )


def live(device: SimulatedDevice, keyset: Keyset, days: Sequence[PlaceDay], last: date, now_s: int) -> int:
    """Seal the device's days, of which the last is `last`, into its spool; gives how many envelopes that are."""
    sealer = Sealer(device.name, device.signing_key, keyset)
    boot = secrets.token_bytes(16)
    with SpoolDb(device.spool_file, new_epoch=1) as spool:
        for back, place_day in zip(reversed(range(len(days))), days, strict=True):
            records = list(records_of(device.name, place_day, last - timedelta(days=back), boot))
            for one in records:
                record(spool, sealer, BinOpened(one.door, one.node, one.start_s, one.start_s + one.length_s), now_s)
            for one in records:
                record(spool, sealer, one, now_s)
        return spool.waiting()


def records_of(site: str, counted: PlaceDay, day: date, boot: bytes) -> Iterator[CountRecord]:
    """The 24 hours, then the day, each with its noise (docs/formats.md, "CountRecord")."""
    midnight_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    bins = [(Node.HOUR, midnight_s + hour * HOUR_S, HOUR_S, count) for hour, count in enumerate(counted.hours)]
    bins.append((Node.DAY, midnight_s, DAY_S, sum(counted.hours)))
    for node, start_s, length_s, count in bins:
        yield CountRecord(
            site=site,
            door=counted.place,
            node=node,
            state=State.RELEASED,
            start_s=start_s,
            length_s=length_s,
            day=day,
            zone="UTC",
            entered=count + discrete_laplace(node_epsilon(Profile.STANDARD, node, exits=False), secrets.randbelow),
            exited=None,
            exits=False,
            profile=Profile.STANDARD,
            coverage_s=length_s,
            accelerator=Accelerator.CPU,
            clock=ClockQuality.SYNCED,
            rule=_RULE,
            boot=boot,
            closed_monotonic_s=start_s + length_s - midnight_s,
        )
