"""Counts for Home Assistant: what it finds, what it shows, and that no data is never zero; over the real Mosquitto."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import Environment

from safecount.errors import UsageError
from safecount_ops.controller.counts import Told
from safecount_ops.controller.home_assistant import Message, messages_of
from safecount_ops.controller.mqtt import Broker, BrokerError, publish
from safecount_ops.controller.table import Table, make_table
from simulators.door_history import DoorHistory, shop_hours
from simulators.mosquitto import PASSWORD, USER, mosquitto


@pytest.fixture(scope="module")
def table() -> Table:
    """A day and a half at two doors, the last hours of which the device was off."""
    days = DoorHistory()
    days.run(24 + 14.5, shop_hours)
    days.off(3)
    days.run(1.2, shop_hours)
    return make_table([Told("counter-7", 1, record) for record in days.records])


def now_of(table: Table) -> int:
    return max(row.start_s + row.length_s for row in table.hours) + 60


def states(messages: list[Message], sensor: str) -> list[dict[str, object]]:
    return [json.loads(one.payload) for one in messages if one.topic.startswith("safecount/") and sensor in one.topic]


def shown(configuration: bytes, state: bytes) -> str:
    """What Home Assistant makes of a state: its templates are Jinja's, and it takes "None" for unknown."""
    template = json.loads(configuration)["value_template"]
    return Environment(autoescape=True).from_string(template).render(value_json=json.loads(state))


def test_each_door_has_three_sensors_that_point_to_their_states(table: Table) -> None:
    messages = messages_of(table, now_of(table))
    by_topic = {one.topic: one.payload for one in messages}
    found = {topic: json.loads(payload) for topic, payload in by_topic.items() if topic.endswith("/config")}
    doors = {row.door for row in table.hours}
    assert len(messages) == len(by_topic) == 6 * len(doors)
    assert len({one["unique_id"] for one in found.values()}) == len(found) == 3 * len(doors)
    for topic, one in found.items():
        assert topic == f"homeassistant/sensor/{one['unique_id']}/config"
        assert one["state_topic"] in by_topic
        assert one["device"]["name"].split(", ")[-1] in doors


def test_what_is_shown_is_the_tables_estimate_and_the_interval_goes_along(table: Table) -> None:
    messages = messages_of(table, now_of(table))
    for state, door in zip(states(messages, "/day"), sorted({row.door for row in table.days}), strict=True):
        row = next(row for row in table.days if row.door == door)
        assert row.entered is not None
        assert state["came_in"] == round(row.entered.value)
        assert state["low"] == round(row.entered.value - row.entered.half_width, 2)
        assert state["day"] == row.day.isoformat()


def test_no_data_is_unknown_and_never_zero(table: Table) -> None:
    lost = [row for row in table.hours if row.entered is None]
    assert lost
    cut = Table(tuple(row for row in table.hours if row.start_s <= lost[0].start_s), table.days, ())
    two_days_later = now_of(table) + 2 * 86_400
    messages = {one.topic: one.payload for one in messages_of(cut, two_days_later)}
    for sensor in ("hour", "today"):
        state = next(topic for topic in messages if topic.startswith("safecount/") and topic.endswith(sensor))
        config = next(t for t, p in messages.items() if t.endswith("config") and json.loads(p)["state_topic"] == state)
        assert shown(messages[config], messages[state]) == "None"
        assert json.loads(messages[state])["status"] in {"lost", "missing"}


def test_names_that_are_no_topics_stay_out_of_them(table: Table) -> None:
    for one in messages_of(table, now_of(table)):
        assert not set(one.topic) & set("+# $"), one.topic


@pytest.mark.parametrize("tls", [False, True])
def test_mosquitto_keeps_the_newest_of_each_topic(tmp_path: Path, table: Table, *, tls: bool) -> None:
    messages = messages_of(table, now_of(table))
    with mosquitto(tmp_path / "broker", tls=tls) as running:
        ca = running.authority.file if running.authority else None
        broker = Broker("127.0.0.1", running.port, tls, ca, USER, PASSWORD)
        older = [Message(one.topic, b"{}") for one in messages]
        assert publish(broker, older) == publish(broker, messages) == len(messages)
        kept = running.retained("safecount/#", len(messages) // 2) | running.retained(
            "homeassistant/#", len(messages) // 2
        )
        assert kept == {one.topic: one.payload for one in messages}


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho leaves it open after a bad handshake
def test_a_broker_that_refuses_or_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    message = [Message("safecount/x", b"1")]
    with mosquitto(tmp_path / "broker", tls=True) as running:
        ca = running.authority.file if running.authority else None
        with pytest.raises(BrokerError, match="does not let us in: Not authorized"):
            publish(Broker("127.0.0.1", running.port, True, ca, USER, "wrong"), message)
        with pytest.raises(BrokerError, match=r"cannot be reached: .*CERTIFICATE_VERIFY_FAILED"):
            publish(Broker("127.0.0.1", running.port, True, None, USER, PASSWORD), message)
        with pytest.raises(BrokerError):
            publish(Broker("127.0.0.1", running.port, False, None, USER, PASSWORD), message, 2.0)
    with pytest.raises(BrokerError, match="cannot be reached"):
        publish(Broker("127.0.0.1", running.port), message)
    with pytest.raises(UsageError, match=r"CA .* cannot be used"):
        publish(Broker("127.0.0.1", 1, True, tmp_path / "none"), message)


def test_today_is_the_doors_own_day(table: Table) -> None:
    now = datetime.fromtimestamp(now_of(table), UTC)
    today = states(messages_of(table, int(now.timestamp())), "/today")
    assert {one["day"] for one in today} == {max(row.day for row in table.days).isoformat()}
