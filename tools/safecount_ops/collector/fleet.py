"""What an operator may know of the devices: when each was heard from, what it said of its own health, what is missing.

Counts are not in it: the collector has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, or_, select

from safecount.wire.errors import Reason
from safecount.wire.update_state import reason_of
from safecount.wire.values import Trouble, UpdateState
from safecount_ops.collector.tables import chain, device, envelope, evidence, health

PAGE = 100
SILENT_AFTER_S = 86_400
"""Four health records have not come by then."""
DAYS = 14
_DAY_S = 86_400
_MAX_GAPS = 50
_TOLD = {
    Trouble.CAMERA_MISSING: "no camera",
    Trouble.CAMERA_HUNG: "the camera hung",
    Trouble.ACCELERATOR_LOST: "the accelerator was lost",
    Trouble.MODEL_FAILED: "the model failed",
    Trouble.DISK_FULL: "the disk is full",
    Trouble.DISK_FAILING: "the disk is failing",
    Trouble.CLOCK_UNSET: "the clock is not set",
    Trouble.NETWORK: "no network for half a day",
    Trouble.NOT_COUNTING: "nothing is counted",
    Trouble.KEYSET_EXPIRED: "the keyset has expired",
}
_UPDATES = {
    UpdateState.NOTHING_NEW: "",
    UpdateState.REFUSED: "update refused",
    UpdateState.UPDATED: "updated",
    UpdateState.FELL_BACK: "fell back",
    UpdateState.TRIAL: "on trial",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One device as the list shows it. `behind_s`: how old its newest health record was when it came; None without one."""

    name: str
    tenant: str
    active: bool
    seen_at_s: int | None
    held_at_s: int | None
    missing: int
    version: str
    slot: str
    behind_s: int | None
    troubles: tuple[str, ...]
    update: str
    silent: bool

    @property
    def state(self) -> str:
        """One word for the whole: off, held, silent, trouble, new or well."""
        if not self.active:
            return "off"
        if self.held_at_s is not None:
            return "held"
        if self.seen_at_s is None:
            return "new"
        if self.silent:
            return "silent"
        return "trouble" if self.troubles or self.missing or self.update.startswith("fell back") else "well"


@dataclass(frozen=True, slots=True)
class Totals:
    """How many devices there are of each state, and of each version and slot among those that told."""

    states: dict[str, int]
    versions: tuple[tuple[str, int], ...]

    @property
    def devices(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Details:
    """What the page of one device adds. `gaps`: (epoch, first missing, last missing). `days`: envelopes that came, oldest
    day first, and each day's first second.
    """

    gaps: tuple[tuple[int, int, int], ...]
    days: tuple[tuple[int, int], ...]
    evidence: tuple[tuple[str, int, int, int], ...]
    health: Row[Any] | None


_MISSING = (
    select(func.coalesce(func.sum(chain.c.last_sequence - chain.c.stored), 0))
    .where(chain.c.device == device.c.number)
    .correlate(device)
    .scalar_subquery()
)


def _state(now_s: int) -> ColumnElement[str]:
    troubled = or_(health.c.troubles != 0, _MISSING > 0, health.c.update_state == int(UpdateState.FELL_BACK))
    return case(
        (~device.c.active, "off"),
        (device.c.held_at.is_not(None), "held"),
        (device.c.seen_at.is_(None), "new"),
        (device.c.seen_at < now_s - SILENT_AFTER_S, "silent"),
        (troubled, "trouble"),
        else_="well",
    )


def totals(connection: Connection, tenant: str | None, now_s: int) -> Totals:
    """How the devices are that a tenant (None: everybody) has."""
    state = _state(now_s).label("state")
    joined = device.outerjoin(health, health.c.device == device.c.number)
    mine = (device.c.tenant == tenant) if tenant is not None else (device.c.number >= 0)
    counted = select(state, func.count()).select_from(joined).where(mine).group_by(state)
    versions = (
        select(health.c.version, health.c.slot, func.count())
        .select_from(joined)
        .where(mine, device.c.active, health.c.device.is_not(None))
        .group_by(health.c.version, health.c.slot)
        .order_by(func.count().desc())
        .limit(8)
    )
    return Totals(
        {row[0]: row[1] for row in connection.execute(counted)},
        tuple((f"{row[0]}, slot {row[1]}", row[2]) for row in connection.execute(versions)),
    )


def standings(
    connection: Connection, tenant: str | None, now_s: int, after: str = "", state: str = ""
) -> tuple[list[Standing], bool]:
    """At most PAGE devices by name, after a name, in one state or in any; and whether more follow."""
    query = _devices(tenant).where(device.c.name > after).order_by(device.c.name).limit(PAGE + 1)
    if state:
        query = query.where(_state(now_s) == state)
    rows = connection.execute(query).all()
    return [_standing(row, now_s) for row in rows[:PAGE]], len(rows) > PAGE


def standing(connection: Connection, tenant: str | None, now_s: int, name: str) -> Standing | None:
    """One device; None if there is none that the tenant may see."""
    row = connection.execute(_devices(tenant).where(device.c.name == name)).one_or_none()
    return None if row is None else _standing(row, now_s)


def details(connection: Connection, name: str, now_s: int) -> Details:
    """More of a device that there is."""
    number = connection.execute(select(device.c.number).where(device.c.name == name)).scalar_one()
    proofs = select(evidence).where(evidence.c.device == number).order_by(evidence.c.at.desc())
    told = tuple((Reason(row.reason).name, row.epoch, row.sequence, row.at) for row in connection.execute(proofs))
    newest = connection.execute(select(health).where(health.c.device == number)).one_or_none()
    return Details(_gaps(connection, number), _days(connection, number, now_s), told, newest)


def _devices(tenant: str | None) -> Any:  # noqa: ANN401 - a Select of many columns has no shorter type
    query = select(
        device.c.name,
        device.c.tenant,
        device.c.active,
        device.c.seen_at,
        device.c.held_at,
        _MISSING.label("missing"),
        health,
    ).outerjoin(health, health.c.device == device.c.number)
    return query if tenant is None else query.where(device.c.tenant == tenant)


def _standing(row: Row[Any], now_s: int) -> Standing:
    silent = row.seen_at is not None and row.seen_at < now_s - SILENT_AFTER_S
    base = (row.name, row.tenant, row.active, row.seen_at, row.held_at, int(row.missing))
    if row.version is None:
        return Standing(*base, "", "", None, (), "", silent)
    update = _UPDATES[UpdateState(row.update_state)]
    if update and (reason := reason_of(row.update_reason)) is not None:
        update += f": {reason.name.lower().replace('_', ' ')}"
    troubles = tuple(text for trouble, text in _TOLD.items() if Trouble(row.troubles) & trouble)
    behind_s = max(0, row.received_at - row.at)
    return Standing(*base, row.version, row.slot, behind_s, troubles, update, silent)


def _gaps(connection: Connection, number: int) -> tuple[tuple[int, int, int], ...]:
    before = func.lag(envelope.c.sequence, 1, 0).over(partition_by=chain.c.epoch, order_by=envelope.c.sequence)
    stored = (
        select(chain.c.epoch, envelope.c.sequence, before.label("before"))
        .join(chain, envelope.c.chain == chain.c.number)
        .where(chain.c.device == number, chain.c.last_sequence > chain.c.stored)
        .subquery()
    )
    holes = (
        select(stored).where(stored.c.sequence > stored.c.before + 1).order_by(stored.c.epoch.desc(), stored.c.sequence)
    )
    rows = connection.execute(holes.limit(_MAX_GAPS)).all()
    return tuple((row.epoch, row.before + 1, row.sequence - 1) for row in rows)


def _days(connection: Connection, number: int, now_s: int) -> tuple[tuple[int, int], ...]:
    first = (now_s // _DAY_S - DAYS + 1) * _DAY_S
    query = (
        select(envelope.c.received_at)
        .join(chain, envelope.c.chain == chain.c.number)
        .where(chain.c.device == number, envelope.c.received_at >= first)
        .limit(100_000)
    )
    counted = [0] * DAYS
    for came_at in connection.execute(query).scalars():
        counted[min(DAYS - 1, (came_at - first) // _DAY_S)] += 1
    return tuple((first + index * _DAY_S, count) for index, count in enumerate(counted))


def in_words(seconds: float) -> str:
    """A length of time, roughly."""
    for name, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count != 1 else ''}"
    return "a moment"


def shares(parts: Sequence[tuple[str, int]], width: int) -> list[tuple[str, int, float, float]]:
    """(name, count, x, width) of each part of a bar that is `width` wide."""
    whole, x, placed = sum(count for _, count in parts) or 1, 0.0, []
    for name, count in parts:
        placed.append((name, count, x, width * count / whole))
        x += width * count / whole
    return placed
