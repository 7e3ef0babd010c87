"""Debian's Mosquitto on loopback, in a temporary folder: with a user and a password, in the clear or behind TLS."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from debian import need
from simulators.device import stop, wait_until
from simulators.tls import Authority

USER, PASSWORD = "safecount", "a pass word"
_SETTINGS = """
user root
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
persistence false
"""
_TLS = """
certfile {certificate}
keyfile {key}
"""


@dataclass(frozen=True)
class RunningBroker:
    """Where it is."""

    port: int
    authority: Authority | None

    def retained(self, topics: str, count: int, within_s: float = 10.0) -> dict[str, bytes]:
        """What a newcomer is given of `topics`, once there are `count`, and a moment after."""
        found: dict[str, bytes] = {}

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            assert message.retain
            found[message.topic] = bytes(message.payload)

        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.username_pw_set(USER, PASSWORD)
        if self.authority:
            client.tls_set(str(self.authority.file))
        client.connect("127.0.0.1", self.port)
        client.subscribe(topics, qos=1)
        client.loop_start()
        try:
            wait_until(lambda: len(found) >= count, f"{count} retained messages of {topics}", within_s)
            time.sleep(0.1)
        finally:
            client.disconnect()
            client.loop_stop()
        return found


@contextmanager
def mosquitto(folder: Path, *, tls: bool) -> Iterator[RunningBroker]:
    folder.mkdir()
    program = need("mosquitto")
    passwords = folder / "passwords"
    subprocess.run([need("mosquitto_passwd"), "-c", "-b", passwords, USER, PASSWORD], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text, authority = _SETTINGS.format(port=port, folder=folder), Authority(folder) if tls else None
    if authority:
        issued = authority.issue("broker", address="127.0.0.1")
        text += _TLS.format(certificate=issued.certificate_file, key=issued.key_file)
    settings = folder / "mosquitto.conf"
    settings.write_text(text)
    process = subprocess.Popen([program, "-c", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), "mosquitto listens")
        yield RunningBroker(port, authority)
    finally:
        stop(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
