"""The service manager: hears its request to stop, and tells it that a process is ready, alive and how it does.

sd_notify(3) is one datagram of text a message and documented for reimplementation, so no binding in C is carried for it.
Without a service manager, as in tests and on a desk, the messages go nowhere.
"""

import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Self

WATCHDOG_EVERY_S = 2.0
"""At most as often; the units allow many times as long."""


class ServiceManager:
    """Remembers when it last said that the process is alive."""

    def __init__(self, address: str | None) -> None:
        """`address` is that of the manager's socket, as in NOTIFY_SOCKET; None if there is no manager."""
        self._address = address.replace("@", "\0", 1) if address else None
        self._alive_at_s = float("-inf")

    @classmethod
    def of_environment(cls) -> Self:
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Calm the watchdog; cheap enough for every frame."""
        now_s = time.monotonic()
        if now_s - self._alive_at_s >= WATCHDOG_EVERY_S:
            self._alive_at_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            try:
                notify.connect(self._address)
                notify.sendall(message.encode())
            except OSError:
                return  # a manager that does not listen restarts us when its watchdog has waited too long


class StopRequest:
    """SIGTERM or SIGINT, as an event to wait for. While it is entered the process does not die of them."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __enter__(self) -> Self:
        self._before = {one: signal.signal(one, self._hear) for one in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *exc: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the request comes; whether it has."""
        return self._event.wait(max(0.0, seconds))

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        self._event.set()
