"""A network that cuts, stalls, and brings whole requests late and twice: a TCP proxy between a device and its collector.

Within a connection TCP keeps the order, and TLS would notice anything else. What comes doubled or out of order are
requests: one whose answer was cut is made again, and one that was held back arrives after those that were made later.
"""

import select
import socket
import threading
import time
from contextlib import suppress
from enum import Enum
from random import Random
from types import TracebackType
from typing import Self

HANDSHAKE_BYTES = 5000
"""More than a client sends before its first request."""
MOST_BYTES = {"going": 20_000, "coming": 4000}
LONGEST_S = 0.3
_QUIET_S = 0.02


class Fate(Enum):
    """What becomes of a connection, once some bytes have passed."""

    FAIR = "nothing"
    CUT_GOING = "it is cut on the way to the collector"
    CUT_COMING = "it is cut on the way to the device: stored, and no receipt"
    STALL = "nothing passes for a while"
    LATE = "it is cut before the device, and what the device had sent arrives later"


class BadNetwork:
    """Listens on 127.0.0.1 in front of another port. Remembers the connections that are open, and how many of each fate
    there were.
    """

    def __init__(self, port: int, draw: Random) -> None:
        self._behind = ("127.0.0.1", port)
        self._draw = draw
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.port: int = self._listener.getsockname()[1]
        self.fair = False
        self.met: dict[Fate, int] = dict.fromkeys(Fate, 0)

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in (self._accepting, *self._threads):
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            device, _ = self._listener.accept()
            if self._stopping:
                device.close()
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._carry, args=(device,))
            thread.start()
            self._threads.append(thread)

    def _carry(self, device: socket.socket) -> None:
        fate = Fate.FAIR if self.fair else self._draw.choice(list(Fate))
        most = MOST_BYTES["coming" if fate is Fate.CUT_COMING else "going"]
        after = self._draw.randrange(most) if fate is not Fate.LATE else HANDSHAKE_BYTES
        with device, suppress(OSError), socket.create_connection(self._behind, timeout=5) as collector:
            device.settimeout(5)
            self._relay(device, collector, fate, after)

    def _relay(self, device: socket.socket, collector: socket.socket, fate: Fate, after: int) -> None:
        passed = {device: 0, collector: 0}
        while not self._stopping and not (self.fair and fate is not Fate.FAIR):
            for source in select.select([device, collector], [], [], 0.05)[0]:
                going = source is device
                data = source.recv(65_536)
                if not data:
                    return
                passed[source] += len(data)
                if fate is not Fate.FAIR and passed[source] > after and going is not (fate is Fate.CUT_COMING):
                    self.met[fate] += 1
                    if fate is Fate.LATE:
                        self._bring_late(data, device, collector)
                    if fate is not Fate.STALL:
                        return
                    time.sleep(self._draw.uniform(0, LONGEST_S))
                    fate = Fate.FAIR
                (collector if going else device).sendall(data)

    def _bring_late(self, first: bytes, device: socket.socket, collector: socket.socket) -> None:
        sent = [first]
        while select.select([device], [], [], _QUIET_S)[0] and (more := device.recv(65_536)):
            sent.append(more)
        device.close()
        time.sleep(self._draw.uniform(0, LONGEST_S))
        collector.sendall(b"".join(sent))
        while collector.recv(65_536):  # until it has answered into the void and closed, or was killed
            if not select.select([collector], [], [], LONGEST_S)[0]:
                return
