"""What a controller reads: one page of its tenant's devices, and of one chain's envelopes."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, select

from safecount.wire.pull import MAX_DIRECTORY, DeviceChains, Directory, Page, Reach
from safecount_ops.collector.database import Database, DatabaseUnavailable
from safecount_ops.collector.tables import chain, device, envelope


def directory(connection: Connection, tenant: str, after: str) -> Directory:
    """The devices of a tenant whose names come after `after`; a device's entries, one a key, are never parted."""
    named = select(device.c.number, device.c.name, device.c.key)
    named = named.where(device.c.tenant == tenant, device.c.name > after)
    rows = connection.execute(named.order_by(device.c.name).limit(MAX_DIRECTORY + 1)).all()
    chains = select(chain).where(chain.c.device.in_([row.number for row in rows])).order_by(chain.c.epoch)
    of_device: dict[int, list[Row[Any]]] = {}
    for one in connection.execute(chains):
        of_device.setdefault(one.device, []).append(one)
    entries: list[DeviceChains] = []
    for row in rows:
        own = _entries(row.name, row.key, of_device.get(row.number, []))
        if len(entries) + len(own) > MAX_DIRECTORY:
            return Directory(tuple(entries), more=True)
        entries += own
    return Directory(tuple(entries), more=False)


def page(connection: Connection, tenant: str, name: str, place: tuple[int, int], limit: int) -> Page | None:
    """At most `limit` envelopes of an epoch behind a sequence (`place`); None for a device that the tenant has not."""
    epoch, after = place
    owned = (device.c.tenant == tenant) & (device.c.name == name)
    number = connection.execute(select(device.c.number).where(owned)).scalar_one_or_none()
    if number is None:
        return None
    wanted = (chain.c.device == number) & (chain.c.epoch == epoch) & (envelope.c.sequence > after)
    query = select(envelope.c.raw).join(chain, envelope.c.chain == chain.c.number).where(wanted, ~envelope.c.removed)
    raws = connection.execute(query.order_by(envelope.c.sequence).limit(limit + 1)).scalars().all()
    return Page(tuple(raws[:limit]), more=len(raws) > limit)


def note_fetched(database: Database, tenant: str, name: str, epoch: int, after: int) -> None:
    """A controller that asks for what follows `after` has kept what it was given up to there: age may remove it now.

    Where that cannot be written, the controller gets its page all the same, and what it has stays here for longer.
    """
    number = select(device.c.number).where(device.c.tenant == tenant, device.c.name == name).scalar_subquery()
    moved = (chain.c.device == number) & (chain.c.epoch == epoch) & (chain.c.fetched_to < after)
    moved &= chain.c.last_sequence >= after
    with suppress(DatabaseUnavailable):
        with database.reading() as connection:
            if connection.execute(select(chain.c.number).where(moved)).one_or_none() is None:
                return
        with database.writing() as connection:
            connection.execute(chain.update().where(moved).values(fetched_to=after))


def _entries(name: str, newest_key: bytes, chains: Iterable[Row[Any]]) -> list[DeviceChains]:
    by_key: dict[bytes, list[Reach]] = {}
    for one in chains:
        by_key.setdefault(one.key, []).append(Reach(one.epoch, one.last_sequence, one.removed_to, one.removed))
    by_key.setdefault(newest_key, [])
    newest = list(by_key.items())[-MAX_DIRECTORY:]
    return [DeviceChains(name, key, tuple(reaches)) for key, reaches in newest]
