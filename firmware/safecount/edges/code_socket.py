"""The Unix socket over which the counting process hands on what a QR code before the camera says: one text a datagram.

The provision process listens; nothing goes the other way. What is no text for a device by its look is dropped unread.
"""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from safecount.edges.local_socket import bound
from safecount.wire.code_text import MAX_SITE_CODE_CHARACTERS, MAX_WIFI_CHARACTERS, SITE_CODE_PREFIX, WIFI_PREFIX

LONGEST = {SITE_CODE_PREFIX: MAX_SITE_CODE_CHARACTERS, WIFI_PREFIX: MAX_WIFI_CHARACTERS}
"""The beginnings of what is looked for, and how long it may be."""
MAX_TEXT_BYTES = max(LONGEST.values())
TEXTS_A_LOOK = 8


def wanted(untrusted: str) -> bool:
    """Whether a text begins like a code for a device and may be one by its length."""
    return untrusted.isascii() and any(untrusted.startswith(one) and len(untrusted) <= LONGEST[one] for one in LONGEST)


def hand_on(path: Path, text: str) -> bool:
    """Hand a text to provisioning without waiting; whether it was taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(text.encode("ascii"), socket.MSG_DONTWAIT, str(path))
        except OSError:  # nobody listens yet, or has not taken the last ones: the code is still before the camera
            return False
    return True


class CodeInbox:
    """Where texts arrive. The kernel holds a few that were not fetched, and refuses more.

    SafecountError if the socket cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._socket = bound(self._path, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()

    def texts(self) -> list[str]:
        """What has come since the last look, at most TEXTS_A_LOOK."""
        came: list[str] = []
        try:
            for _ in range(TEXTS_A_LOOK):
                untrusted = self._socket.recv(MAX_TEXT_BYTES + 1).decode("ascii", "replace")
                if wanted(untrusted):
                    came.append(untrusted)
        except OSError:  # nothing more
            return came
        return came
