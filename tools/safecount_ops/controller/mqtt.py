"""MQTT to one broker: retained messages at quality of service 1, each acknowledged before we say that it is there."""

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from safecount.errors import SafecountError, UsageError
from safecount_ops.controller.home_assistant import Message

WITHIN_S = 30.0


class BrokerError(SafecountError):
    """The broker cannot be reached, refuses us, or did not take everything. Publishing again does no harm."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is. `tls`: speak TLS, and trust the CA in `ca_file`, or this machine's where there is none."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def publish(broker: Broker, messages: Iterable[Message], within_s: float = WITHIN_S) -> int:
    """Leave the messages at the broker; gives how many.

    Raises:
        UsageError: the CA cannot be used.
        BrokerError: see there.
    """
    until_s = time.monotonic() + within_s
    client, answered = Client(CallbackAPIVersion.VERSION2), Event()
    answers: list[ReasonCode] = []

    def on_connect(_: Client, __: object, ___: ConnectFlags, answer: ReasonCode, ____: Properties | None) -> None:
        answers.append(answer)
        answered.set()

    client.on_connect = on_connect
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls:
        client.tls_set_context(_context(broker.ca_file))
    where = f"{broker.host}:{broker.port}"
    try:
        client.connect(broker.host, broker.port, keepalive=60)
    except (OSError, ValueError) as error:
        raise BrokerError(f"The MQTT broker {where} cannot be reached: {error}.") from error
    client.loop_start()
    try:
        if not answered.wait(until_s - time.monotonic()):
            raise BrokerError(f"The MQTT broker {where} has not answered within {within_s:.0f} s.")
        if answers[0].is_failure:
            raise BrokerError(f"The MQTT broker {where} does not let us in: {answers[0]}.")
        sent = [client.publish(one.topic, one.payload, qos=1, retain=True) for one in messages]
        for one in sent:
            one.wait_for_publish(max(0.0, until_s - time.monotonic()))
        if missing := sum(not one.is_published() for one in sent):
            raise BrokerError(f"The MQTT broker {where} has not taken {missing} of {len(sent)} messages.")
        client.disconnect()
    except (RuntimeError, ValueError) as error:  # paho's words for a queue that is full, or a connection that went
        raise BrokerError(f"The MQTT broker {where} did not take everything: {error}.") from error
    finally:
        client.loop_stop()
    return len(sent)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"The broker's CA {ca_file} cannot be used: {error}.") from error
