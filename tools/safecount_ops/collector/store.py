"""One transaction for the envelopes of many devices: what is new is stored, evidence puts a device into quarantine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, Connection, bindparam, case, func, select, tuple_

from safecount.wire.envelope import Envelope
from safecount.wire.errors import Reason
from safecount.wire.pull import MAX_EPOCHS
from safecount_ops.collector.chain_rules import EVIDENCE, Place, Stored, judge
from safecount_ops.collector.health import save_newest
from safecount_ops.collector.tables import chain, device, envelope, evidence, keyset

MAX_EVIDENCE = 16
"""Kept of one device; what follows it is refused as before and not kept."""
_PLACES_A_QUERY = 2000


@dataclass(frozen=True, slots=True)
class Batch:
    """Verified envelopes that one device has brought, and the key (raw) that they were verified with."""

    device: str
    key: bytes
    envelopes: Sequence[Envelope]


@dataclass(frozen=True, slots=True)
class Kept:
    """The envelope is stored, since `received_at_s`."""

    received_at_s: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of each envelope of a batch, and the serial of the newest keyset of the device's tenant."""

    outcomes: Sequence[Kept | Reason]
    keyset: int


@dataclass(slots=True)
class _Chain:
    """A chain's row while a transaction works on it. `number` is None until its row is made."""

    number: int | None
    key: bytes
    last_sequence: int = 0
    last_digest: bytes = b""
    stored: int = 0


@dataclass(slots=True)
class _Device:
    """A device's row and chains while a transaction works on it. Forgotten with the transaction."""

    number: int
    key: bytes
    active: bool
    tenant: str
    newest_epoch: int | None
    held: bool
    epochs: int
    chains: dict[int, _Chain] = field(default_factory=dict)
    known: dict[Place, Stored] = field(default_factory=dict)
    new: list[Envelope] = field(default_factory=list)
    proofs: list[tuple[Reason, Envelope]] = field(default_factory=list)


def store(connection: Connection, batches: Sequence[Batch], now_s: int) -> list[Result]:
    """Store what is new of every batch, in this order; the caller commits, and only then gives receipts."""
    devices = _load_devices(connection, {batch.device for batch in batches})
    _load_chains(connection, devices, batches)
    _load_known(connection, devices, batches)
    serials = _newest_serials(connection, {one.tenant for one in devices.values()})
    results = []
    for batch in batches:
        owner = devices.get(batch.device)
        if owner is None or not owner.active:
            results.append(Result([Reason.UNKNOWN_DEVICE] * len(batch.envelopes), 0))
            continue
        outcomes = [_take(owner, batch.key, one, now_s) for one in batch.envelopes]
        results.append(Result(outcomes, serials.get(owner.tenant, 0)))
    _save(connection, devices.values(), now_s)
    return results


def _take(owner: _Device, key: bytes, one: Envelope, now_s: int) -> Kept | Reason:
    if key != owner.key:
        return Reason.RETRY_LATER  # enrolled anew since the signature was checked
    verdict = judge(owner.newest_epoch, owner.known, one)
    if isinstance(verdict, Stored):
        return Kept(verdict.received_at_s)
    if owner.held:
        return Reason.QUARANTINED
    if verdict is not None:
        if verdict in EVIDENCE:
            owner.held = True
            owner.proofs.append((verdict, one))
        return verdict
    return _keep(owner, one, now_s)


def _keep(owner: _Device, one: Envelope, now_s: int) -> Kept | Reason:
    epoch, sequence = one.header.epoch, one.header.sequence
    if epoch not in owner.chains:
        if owner.epochs >= MAX_EPOCHS:  # more lives than an SD card has: a person must look
            return Reason.RETRY_LATER
        owner.epochs += 1
    row = owner.chains.setdefault(epoch, _Chain(None, owner.key))
    if row.key != owner.key:
        owner.held = True
        owner.proofs.append((Reason.STEP_BACK, one))  # a new key goes on with a chain that another key has signed
        return Reason.STEP_BACK
    row.stored += 1
    if sequence > row.last_sequence:
        row.last_sequence, row.last_digest = sequence, one.digest
    owner.newest_epoch = epoch
    owner.known[epoch, sequence] = Stored(one.digest, one.header.previous, now_s)
    owner.new.append(one)
    return Kept(now_s)


def _load_devices(connection: Connection, names: set[str]) -> dict[str, _Device]:
    columns = (device.c.number, device.c.name, device.c.key, device.c.active, device.c.tenant)
    epochs = select(func.count()).where(chain.c.device == device.c.number).scalar_subquery().label("epochs")
    query = select(*columns, device.c.head_epoch, device.c.held_at, epochs).where(device.c.name.in_(names))
    query = query.order_by(device.c.number).with_for_update(of=device)  # as PostgreSQL needs it: one writer a device
    rows = connection.execute(query)
    return {
        row.name: _Device(
            row.number, row.key, row.active, row.tenant, row.head_epoch, row.held_at is not None, row.epochs
        )
        for row in rows
    }


def _load_chains(connection: Connection, devices: dict[str, _Device], batches: Sequence[Batch]) -> None:
    wanted = {
        (devices[batch.device].number, one.header.epoch)
        for batch in batches
        if batch.device in devices
        for one in batch.envelopes
    }
    by_number = {one.number: one for one in devices.values()}
    for row in connection.execute(select(chain).where(tuple_(chain.c.device, chain.c.epoch).in_(wanted))):
        by_number[row.device].chains[row.epoch] = _Chain(
            row.number, row.key, row.last_sequence, row.last_digest, row.stored
        )


def _load_known(connection: Connection, devices: dict[str, _Device], batches: Sequence[Batch]) -> None:
    """What is stored at and beside the places of the batches. The head of a chain is known from its own row."""
    owners: dict[int, tuple[_Device, int]] = {}
    wanted: set[Place] = set()
    for batch in batches:
        owner = devices.get(batch.device)
        for one in batch.envelopes if owner is not None else ():
            epoch, sequence = one.header.epoch, one.header.sequence
            row = owner.chains.get(epoch) if owner is not None else None
            if owner is None or row is None or row.number is None:
                continue
            owners[row.number] = (owner, epoch)
            near = (sequence - 1, sequence, sequence + 1)
            wanted.update((row.number, place) for place in near if 1 <= place <= row.last_sequence)
    columns = (envelope.c.chain, envelope.c.sequence, envelope.c.digest, envelope.c.previous, envelope.c.received_at)
    for places in _portions(sorted(wanted)):
        rows = connection.execute(select(*columns).where(tuple_(envelope.c.chain, envelope.c.sequence).in_(places)))
        for found in rows:
            owner, epoch = owners[found.chain]
            owner.known[epoch, found.sequence] = Stored(found.digest, found.previous, found.received_at)


def _portions(places: list[Place]) -> Iterable[list[Place]]:
    return (places[start : start + _PLACES_A_QUERY] for start in range(0, len(places), _PLACES_A_QUERY))


def _newest_serials(connection: Connection, tenants: set[str]) -> dict[str, int]:
    newest = select(keyset.c.tenant, func.max(keyset.c.serial)).where(keyset.c.tenant.in_(tenants))
    return {row[0]: row[1] for row in connection.execute(newest.group_by(keyset.c.tenant))}


def _save(connection: Connection, devices: Iterable[_Device], now_s: int) -> None:
    changed = [one for one in devices if one.new or one.proofs]
    for one in changed:
        _save_chains(connection, one, now_s)
    rows = [_envelope_row(one, new, now_s) for one in changed for new in one.new]
    if rows:
        connection.execute(envelope.insert(), rows)
    for one in changed:
        _save_device(connection, one, now_s)
    save_newest(connection, {one.number: one.new for one in changed}, now_s)


def _save_chains(connection: Connection, one: _Device, now_s: int) -> None:
    for epoch in {new.header.epoch for new in one.new}:
        row = one.chains[epoch]
        values: dict[str, object] = {
            "last_sequence": row.last_sequence,
            "last_digest": row.last_digest,
            "stored": row.stored,
        }
        if row.number is not None:
            lowest = min(new.header.sequence for new in one.new if new.header.epoch == epoch)
            connection.execute(_UPDATE_CHAIN, {"this": row.number, "before_new": lowest - 1, **values})
        else:
            made = {"device": one.number, "epoch": epoch, "key": row.key, "began_at": now_s, **values}
            row.number = connection.execute(chain.insert().returning(chain.c.number), made).scalar_one()


_BEFORE_NEW = bindparam("before_new", type_=BigInteger())
"""What came late has not been fetched, even if what follows it has."""
_UPDATE_CHAIN = (
    chain.update()
    .where(chain.c.number == bindparam("this"))
    .values({name: bindparam(name) for name in ("last_sequence", "last_digest", "stored")})
    .values(fetched_to=case((chain.c.fetched_to > _BEFORE_NEW, _BEFORE_NEW), else_=chain.c.fetched_to))
)
_UPDATE_DEVICE = (
    device.update()
    .where(device.c.number == bindparam("this"))
    .values(
        seen_at=bindparam("seen"),
        head_epoch=bindparam("head"),
        held_at=func.coalesce(device.c.held_at, bindparam("held")),
    )
)


def _save_device(connection: Connection, one: _Device, now_s: int) -> None:
    values = {
        "this": one.number,
        "seen": now_s,
        "head": one.newest_epoch,
        "held": now_s if one.proofs else None,
    }
    connection.execute(_UPDATE_DEVICE, values)
    if not one.proofs:
        return
    kept = connection.execute(select(func.count()).where(evidence.c.device == one.number)).scalar_one()
    for reason, proof in one.proofs[: max(0, MAX_EVIDENCE - kept)]:
        place = {"epoch": proof.header.epoch, "sequence": proof.header.sequence}
        row = {"device": one.number, "reason": int(reason), "at": now_s, "raw": proof.raw, **place}
        connection.execute(evidence.insert(), row)


def _envelope_row(owner: _Device, new: Envelope, now_s: int) -> dict[str, object]:
    return {
        "chain": owner.chains[new.header.epoch].number,
        "sequence": new.header.sequence,
        "digest": new.digest,
        "previous": new.header.previous,
        "kind": int(new.header.kind),
        "received_at": now_s,
        "raw": new.raw,
        "removed": False,
    }
