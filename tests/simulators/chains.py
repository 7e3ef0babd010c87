"""Devices with real envelopes, and a collector's pull API over them in memory, honest or lying in every way it can."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from safecount.delivery.sealer import Sealer
from safecount.wire.chain import start_of
from safecount.wire.keyset import Keyset
from safecount.wire.pull import DeviceChains, Directory, Page, Reach
from safecount.wire.values import CountRecord, HealthRecord
from simulators.keys import signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD


def chain_of(
    device: str, records: Iterable[CountRecord | HealthRecord], keyset: Keyset, epoch: int = 1, key: str = ""
) -> list[bytes]:
    """The envelopes that a device makes of these records."""
    sealer = Sealer(device, signing_key(key or device), keyset)
    last, raws = start_of(epoch), []
    for record in records:
        sealed = (
            sealer.seal_count(record, last, 0) if isinstance(record, CountRecord) else sealer.seal_health(record, last)
        )
        last = sealed.link
        raws.append(sealed.raw)
    return raws


def health_chain(device: str, count: int, keyset: Keyset, epoch: int = 1, key: str = "") -> list[bytes]:
    """A chain that needs no sealing, where what is inside does not matter."""
    return chain_of(device, [replace(HEALTH_RECORD, dropped=n) for n in range(count)], keyset, epoch, key)


def hours(count: int, door: str = "north") -> list[CountRecord]:
    return [replace(HOUR_RECORD, door=door, start_s=HOUR_RECORD.start_s + 3600 * n, entered=n) for n in range(count)]


@dataclass
class MemorySource:
    """Implements `controller.pull.Source`. `spoil` may change each page that is given; `claims` overrides how far a
    chain is said to go; `removed` says what age has taken of one (up to which sequence, how many).
    """

    stored: dict[tuple[str, int], dict[int, bytes]] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)
    claims: dict[tuple[str, int], int] = field(default_factory=dict)
    spoil: Callable[[list[bytes], int], list[bytes]] = field(default=lambda page, _: page)
    removed: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    asked: list[tuple[str, int, int, int]] = field(default_factory=list)
    devices_a_page: int = 2

    def take(self, device: str, raws: list[bytes], epoch: int = 1, key: str = "") -> None:
        self.stored[device, epoch] = dict(enumerate(raws, 1))
        self.keys[device] = signing_key(key or device).public_key().public_bytes_raw()

    def directory(self, after: str | None) -> Directory:
        names = sorted(device for device in self.keys if after is None or device.encode() > after.encode())
        entries = [DeviceChains(name, self.keys[name], self._reaches(name)) for name in names[: self.devices_a_page]]
        return Directory(tuple(entries), len(names) > self.devices_a_page)

    def _reaches(self, name: str) -> tuple[Reach, ...]:
        return tuple(
            Reach(
                epoch,
                self.claims.get((device, epoch), max(stored, default=0)),
                *self.removed.get((device, epoch), (0, 0)),
            )
            for (device, epoch), stored in sorted(self.stored.items())
            if device == name
        )

    def page(self, device: str, epoch: int, after: int, limit: int) -> Page:
        self.asked.append((device, epoch, after, limit))
        stored = self.stored[device, epoch]
        wanted = [stored[sequence] for sequence in sorted(stored) if sequence > after]
        return Page(tuple(self.spoil(wanted[:limit], after)), len(wanted) > limit)
