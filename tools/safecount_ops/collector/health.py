"""The newest health record of each device: signed by it, and the only thing in its envelopes that a collector can read."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from safecount.wire.envelope import Envelope, Kind
from safecount.wire.errors import UntrustedInput
from safecount.wire.record import decode_health, unpad_body
from safecount.wire.values import HealthRecord
from safecount_ops.collector.tables import health


def save_newest(connection: Connection, brought: Mapping[int, Sequence[Envelope]], now_s: int) -> list[int]:
    """Keep the newest health record among the new envelopes of each device (by its number); those whose record changed.

    An envelope whose record cannot be read is kept like every other, and changes nothing here.
    """
    newest = {number: found for number, new in brought.items() if (found := _newest(new)) is not None}
    columns = (health.c.device, health.c.epoch, health.c.sequence, health.c.version, health.c.version_since)
    rows = connection.execute(select(*columns).where(health.c.device.in_(newest))).all()
    known = {row.device: row for row in rows}
    changed = []
    for number, (place, record) in newest.items():
        before = known.get(number)
        if before is not None and place <= (before.epoch, before.sequence):
            continue
        since_s = 0 if before is None else before.version_since if before.version == record.version else now_s
        times = {"received_at": now_s, "version_since": since_s}
        values = {"epoch": place[0], "sequence": place[1], **times, **_columns(record)}
        if before is not None:
            connection.execute(health.update().where(health.c.device == number).values(values))
        else:
            connection.execute(health.insert().values(device=number, **values))
        changed.append(number)
    return changed


def _newest(new: Sequence[Envelope]) -> tuple[tuple[int, int], HealthRecord] | None:
    of_health = [one for one in new if one.header.kind is Kind.HEALTH]
    if not of_health:
        return None
    last = max(of_health, key=lambda one: (one.header.epoch, one.header.sequence))
    try:
        record = decode_health(unpad_body(last.contents[0]))
    except UntrustedInput:
        return None
    return (last.header.epoch, last.header.sequence), record


def _columns(record: HealthRecord) -> dict[str, object]:
    return {
        "at": record.at_s,
        "version": record.version,
        "slot": record.slot,
        "temperature": record.temperature_c,
        "disk_free": record.disk_free_percent,
        "camera": int(record.camera),
        "accelerator": int(record.accelerator),
        "clock": int(record.clock),
        "dropped": record.dropped,
        "keyset": record.keyset,
        "troubles": int(record.troubles),
        "update_state": int(record.update),
        "update_reason": record.update_reason,
    }
