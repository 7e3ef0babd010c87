"""The newest counts as MQTT messages that Home Assistant finds by itself: a device for each door, with three sensors.

Pure. Follows Home Assistant's "MQTT discovery" of single components (`homeassistant/sensor/ID/config`). Topics are made
from a hash of site and door, since those are free texts. What is not known is null, which Home Assistant shows as
"unknown": never zero.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from safecount_ops import __version__
from safecount_ops.controller.table import Row, Table, iso, zone_of

DISCOVERY = "homeassistant"
TOPICS = "safecount"
_SENSORS = {"hour": "Came in, last hour", "today": "Came in today", "day": "Came in, last whole day"}


@dataclass(frozen=True, slots=True)
class Message:
    """A retained message: what the broker gives to whoever asks for the topic, now or later."""

    topic: str
    payload: bytes


def messages_of(table: Table, now_s: int, prefix: str = DISCOVERY) -> list[Message]:
    """For each door the discovery and the state of its sensors, as known at `now_s` (UTC seconds)."""
    doors = groupby(_by_door(table.hours), key=lambda row: (row.site, row.door))
    newest = {door: list(rows)[-1] for door, rows in doors}
    days: dict[tuple[str, str], list[Row]] = {}
    for row in _by_door(table.days):
        days.setdefault((row.site, row.door), []).append(row)
    return [
        message
        for door, hour in sorted(newest.items())
        for message in _of_door(door, hour, days.get(door, []), now_s, prefix)
    ]


def _by_door(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.site, row.door, row.start_s))


def _of_door(door: tuple[str, str], hour: Row, days: Sequence[Row], now_s: int, prefix: str) -> Iterator[Message]:
    today = datetime.fromtimestamp(now_s, UTC).astimezone(zone_of(hour.zone)).date()
    states = {
        "hour": hour,
        "today": next((row for row in days if row.day == today), None),
        "day": next((row for row in reversed(days) if row.day < today), None),
    }
    name = sha256("\0".join(door).encode()).hexdigest()[:16]
    for sensor, row in states.items():
        yield Message(f"{prefix}/sensor/safecount_{name}_{sensor}/config", _json(_discovery(door, name, sensor)))
        yield Message(f"{TOPICS}/{name}/{sensor}", _json(_state(row)))


def _discovery(door: tuple[str, str], name: str, sensor: str) -> dict[str, Any]:
    state = f"{TOPICS}/{name}/{sensor}"
    return {
        "name": _SENSORS[sensor],
        "unique_id": f"safecount_{name}_{sensor}",
        "state_topic": state,
        "value_template": "{{ value_json.came_in }}",
        "json_attributes_topic": state,
        "unit_of_measurement": "people",
        "state_class": "measurement",
        "icon": "mdi:door-open",
        "device": {
            "identifiers": [f"safecount_{name}"],
            "name": f"{door[0]}, {door[1]}",
            "manufacturer": "safecount",
            "model": "door",
        },
        "origin": {"name": "safecount", "sw_version": __version__},
    }


def _state(row: Row | None) -> dict[str, Any]:
    """`came_in` is rounded and not below zero, to be shown; the estimate and its interval are as they are, to be reckoned
    with.
    """
    if row is None:
        return {"came_in": None, "status": "missing"}
    known: dict[str, Any] = {"came_in": None}
    if row.entered is not None:
        value, half = row.entered.value, row.entered.half_width
        known = {
            "came_in": max(0, round(value)),
            "estimate": round(value, 2),
            "low": round(value - half, 2),
            "high": round(value + half, 2),
        }
    if row.exited is not None:
        known["went_out"] = max(0, round(row.exited.value))
    span = {"from": iso(row.start_s), "to": iso(row.start_s + row.length_s)}
    return known | {"status": row.status.value, "day": row.day.isoformat(), **span, "watched_s": row.watched_s}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
