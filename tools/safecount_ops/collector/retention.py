"""What leaves the database: the contents of old envelopes by themselves, and all of a device or tenant by command.

Of an envelope that age has removed, its digest, that of the one before it and the time it came stay: so a chain can
still be followed, a fork is still seen, and who sends it again gets its receipt (docs/adr/0033-what-is-removed.md).
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, Select, case, func, literal, select, tuple_

from safecount.errors import UsageError
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.limits import of_device
from safecount_ops.collector.registry import DEFAULT_TENANT
from safecount_ops.collector.tables import (
    chain,
    device,
    envelope,
    evidence,
    exclusion,
    fleet_token,
    health,
    keyset,
    listed,
    person,
    reset_order,
    rollout_stop,
    session,
    site_token,
    tenant,
    token,
)

DAY_S = 86_400
_A_TRANSACTION = 500
"""Envelopes: two megabytes, so that devices wait for a moment only."""


def remove_old(database: Database, days: int, now_s: int) -> int:
    """Remove the contents of envelopes that came more than `days` ago and that a controller has fetched; how many.

    One entry of the audit log for each tenant and transaction. 0 days: nothing is removed.
    """
    removed = 0
    while days and (portion := _remove_portion(database, now_s - days * DAY_S, now_s)):
        removed += portion
    return removed


def _remove_portion(database: Database, before_s: int, now_s: int) -> int:
    old = (~envelope.c.removed) & (envelope.c.received_at < before_s) & (envelope.c.sequence <= chain.c.fetched_to)
    query = (
        select(envelope.c.chain, envelope.c.sequence, device.c.tenant, device.c.name)
        .join(chain, envelope.c.chain == chain.c.number)
        .join(device, chain.c.device == device.c.number)
        .where(old)
        .order_by(envelope.c.received_at)
        .limit(_A_TRANSACTION)
    )
    with database.reading() as connection:  # nobody is kept waiting when there is nothing to do
        if connection.execute(query.limit(1)).one_or_none() is None:
            return 0
    with database.writing() as connection:
        database.lock(connection, "retention")
        rows = connection.execute(query).all()
        places = [(row.chain, row.sequence) for row in rows]
        gone = envelope.update().where(tuple_(envelope.c.chain, envelope.c.sequence).in_(places))
        connection.execute(gone.values(raw=b"", removed=True))
        for number, count in Counter(row.chain for row in rows).items():
            last = max(row.sequence for row in rows if row.chain == number)
            further = case((chain.c.removed_to < last, last), else_=chain.c.removed_to)
            counted = {"removed": chain.c.removed + count, "removed_to": further}
            connection.execute(chain.update().where(chain.c.number == number).values(counted))
        for owner in sorted({row.tenant for row in rows}):
            names = [row.name for row in rows if row.tenant == owner]
            age = number_of((now_s - before_s) // DAY_S, "day")
            told = f"{number_of(len(names), 'envelope')} of {number_of(len(set(names)), 'device')}, older than {age}"
            audit.append(database, connection, audit.Act(now_s, "collector", "remove-old", told, owner))
    return len(rows)


def number_of(count: int, what: str) -> str:
    """A number of things, in words for people."""
    return f"{count} {what}{'' if count == 1 else 's'}"


class Whose(Enum):
    """What can be erased as a whole."""

    DEVICE = "device"
    TENANT = "tenant"

    def devices(self, name: str) -> Select[tuple[int]]:
        """The numbers of its devices."""
        return select(device.c.number).where((device.c.name if self is Whose.DEVICE else device.c.tenant) == name)


@dataclass(frozen=True, slots=True)
class Holding:
    """What there is of a device, or of all devices of a tenant. Times are UTC seconds, None without an envelope."""

    whose: Whose
    name: str
    tenant: str
    devices: int
    envelopes: int
    first_s: int | None
    last_s: int | None

    def __str__(self) -> str:
        what = f"{self.whose.value.capitalize()} {self.name}"
        return f"{what}: {number_of(self.envelopes, 'envelope')} of {number_of(self.devices, 'device')}"


def holding(connection: Connection, whose: Whose, name: str) -> Holding:
    """What there is of the device or tenant of that name; UsageError if there is none."""
    owner_of_device = select(device.c.tenant).where(device.c.name == name)
    known = owner_of_device if whose is Whose.DEVICE else select(tenant.c.name).where(tenant.c.name == name)
    owner = connection.execute(known).scalar_one_or_none()
    if owner is None:
        raise UsageError(f"There is no {whose.value} {name} here.")
    devices = connection.execute(select(func.count()).select_from(whose.devices(name).subquery())).scalar_one()
    at = envelope.c.received_at
    query = select(func.count(), func.min(at), func.max(at)).join(chain, envelope.c.chain == chain.c.number)
    count, first, last = connection.execute(query.where(chain.c.device.in_(whose.devices(name)))).one()
    return Holding(whose, name, owner, devices, count, first, last)


def erase(database: Database, whose: Whose, name: str, now_s: int, who: str) -> tuple[Holding, audit.Head]:
    """Remove all that there is of a device or tenant, for good: what it was, and the audit log's entry of the end.

    It is turned away first. Whoever is interrupted does it again. The log keeps the names that it has, and an entry of the
    beginning, too. A device must be enrolled anew before anything of it is taken again.

    Raises:
        UsageError: there is none of that name.
    """
    devices = whose.devices(name)
    with database.writing() as connection:
        database.lock(connection, "registry")
        connection.execute(devices.with_for_update()).all()  # what is being stored is stored, and then no more
        held = holding(connection, whose, name)
        connection.execute(device.update().where(device.c.number.in_(devices)).values(active=False))
        audit.append(database, connection, audit.Act(now_s, who, "erase", str(held), held.tenant))
    while _erase_portion(database, devices):
        pass
    with database.writing() as connection:
        for lock in ("registry", "retention"):
            database.lock(connection, lock)
        _erase_devices(connection, devices)
        if whose is Whose.TENANT:
            _erase_tenant(connection, name)
        head = audit.append(database, connection, audit.Act(now_s, who, "erased", str(held), held.tenant))
    database.scrub()
    return held, head


def _erase_portion(database: Database, devices: Select[tuple[int]]) -> int:
    """Some of their envelopes: others wait for a moment only, however many there are."""
    chains = select(chain.c.number).where(chain.c.device.in_(devices))
    key = (envelope.c.chain, envelope.c.sequence)
    with database.writing() as connection:
        database.lock(connection, "retention")
        places = connection.execute(select(*key).where(envelope.c.chain.in_(chains)).limit(_A_TRANSACTION)).all()
        connection.execute(envelope.delete().where(tuple_(*key).in_([tuple(one) for one in places])))
    return len(places)


def _erase_devices(connection: Connection, numbers: Select[tuple[int]]) -> None:
    named = select(literal(of_device("")) + device.c.name).where(device.c.number.in_(numbers))
    connection.execute(exclusion.delete().where(exclusion.c.subject.in_(named)))
    names = select(device.c.name).where(device.c.number.in_(numbers))
    tokens = select(site_token.c.digest).where(site_token.c.device.in_(names))
    for table in (fleet_token, listed, site_token):
        connection.execute(table.delete().where(table.c.digest.in_(tokens)))
    chains = select(chain.c.number).where(chain.c.device.in_(numbers))
    connection.execute(envelope.delete().where(envelope.c.chain.in_(chains)))
    for table in (health, evidence, reset_order, chain):
        connection.execute(table.delete().where(table.c.device.in_(numbers)))
    connection.execute(device.delete().where(device.c.number.in_(numbers)))


def _erase_tenant(connection: Connection, name: str) -> None:
    people = select(person.c.name).where(person.c.tenant == name)
    connection.execute(session.delete().where(session.c.person.in_(people)))
    for table in (person, token, keyset, rollout_stop):
        connection.execute(table.delete().where(table.c.tenant == name))
    if name == DEFAULT_TENANT:  # the one that enrolled devices come to stays, as a new one
        connection.execute(tenant.update().where(tenant.c.name == name).values(root_key=None))
    else:
        connection.execute(tenant.delete().where(tenant.c.name == name))
