"""wpa_supplicant's control socket: asks how joining goes, and listens to what happens.

Untested with a radio: tests speak to the real wpa_supplicant over a wired interface, and to a simulated one of the same
protocol (docs/enrolment.md).
"""

import socket
import time
from pathlib import Path
from typing import Self

from safecount.provisioning.wifi_state import MAX_MESSAGE_BYTES, Wifi, heard

ASK_EVERY_S = 1.0
_MESSAGES_A_LOOK = 64


class WifiLink:
    """Remembers the last state, when it last asked, and which socket it has left. Where nobody answers the state is UNKNOWN."""

    def __init__(self, control: Path, ask_every_s: float = ASK_EVERY_S) -> None:
        """`control` is the socket of the interface."""
        self._control = control
        self._ask_every_s = ask_every_s
        self._socket: socket.socket | None = None
        self._asked_s = float("-inf")
        self._left: tuple[int, int] | None = None
        self.state = Wifi.UNKNOWN

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def forget(self) -> None:
        """Another network was named: what the service that joins the one before still says counts no more. The next service has
        another socket.
        """
        self._left = self._stamp()
        self._close()

    def look(self) -> bool:
        """Take in what has come, without waiting; whether the state is another one now."""
        before = self.state
        try:
            if time.monotonic() - self._asked_s >= self._ask_every_s:
                self._asked_s = time.monotonic()
                self._ask()
            self._listen()
        except BlockingIOError:  # nothing more has come
            pass
        except OSError:  # it is not there, or has ended
            self._close()
        return self.state is not before

    def _ask(self) -> None:
        if self._socket is None:
            if self._stamp() == self._left:
                return
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind("")  # the kernel gives it a name, which the answers come to (unix(7), "Autobind")
            self._socket.connect(str(self._control))
            self._socket.send(b"ATTACH")
        self._socket.send(b"STATUS")

    def _close(self) -> None:
        self.__exit__()
        self.state = Wifi.UNKNOWN

    def _stamp(self) -> tuple[int, int] | None:
        """Which socket is there."""
        try:
            found = self._control.stat()
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def _listen(self) -> None:
        if self._socket is None:
            return
        for _ in range(_MESSAGES_A_LOOK):
            self.state = heard(self.state, self._socket.recv(MAX_MESSAGE_BYTES + 1))
