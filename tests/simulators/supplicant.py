"""wpa_supplicant's control socket without a radio: answers ATTACH and STATUS as the real one does, and tells what it is told.

Its words are held against the real program in tests/edges/test_wifi_link.py. As a program, `supplicant.py SOCKET EVENT`, it
tells one event again and again.
"""

import socket
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

WRONG_KEY = 'CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="street" auth_failures=1 duration=10 reason=WRONG_KEY'
OTHER_FAILURE = WRONG_KEY.replace("WRONG_KEY", "CONN_FAILED")
NOT_FOUND = "CTRL-EVENT-NETWORK-NOT-FOUND "
SAE_REJECT = "CTRL-EVENT-AUTH-REJECT 02:00:00:00:00:01 auth_type=3 auth_transaction=2 status_code=15"
FULL = "CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:00:01 status_code=17"
CONNECTED = "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:01 completed [id=0 id_str=]"
LOST = "CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:01 reason=3 locally_generated=1"
_SCANNING = b"wpa_state=SCANNING\nip_address=192.0.2.7\naddress=02:00:00:00:00:02\n"
_COMPLETED = b"bssid=02:00:00:00:00:01\nssid=street\nid=0\nkey_mgmt=WPA2-PSK\nwpa_state=COMPLETED\n"


class Supplicant:
    """Serves at a path while it is entered; `status` is what it answers, `attached` who listens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.status = _SCANNING
        self.attached: list[bytes | str] = []

    def __enter__(self) -> Self:
        self._socket.bind(str(self._path))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._path.unlink()

    def tell(self, event: str) -> None:
        """Send an event to all who listen."""
        if event == CONNECTED:
            self.status = _COMPLETED
        elif event == LOST:
            self.status = _SCANNING
        for address in tuple(self.attached):
            try:
                self._socket.sendto(b"<3>" + event.encode(), address)
            except ConnectionRefusedError:  # who listened has gone
                self.attached.remove(address)

    def _serve(self) -> None:
        while True:
            message, address = self._socket.recvfrom(4096)
            if not message:
                return
            if message == b"ATTACH":
                self.attached.append(address)
            answers = {b"ATTACH": b"OK\n", b"PING": b"PONG\n", b"STATUS": self.status}
            self._socket.sendto(answers.get(message, b"UNKNOWN COMMAND\n"), address)


if __name__ == "__main__":
    with Supplicant(Path(sys.argv[1])) as serving:
        while True:
            time.sleep(0.1)
            serving.tell(sys.argv[2])
