"""What the device's own sockets have in common: how one is bound, and how a frame goes over it.

A frame is its length in four bytes, big-endian, and that many bytes.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from safecount.errors import SafecountError

_LENGTH_BYTES = 4


def bound(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A Unix socket at a path, in the place of one that an earlier process left; for its owner and the group of its folder.

    Raises:
        SafecountError: it cannot be made.
    """
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    made = socket.socket(socket.AF_UNIX, kind)
    before = os.umask(0o117)
    try:
        made.bind(str(path))
    except OSError as error:
        made.close()
        raise SafecountError(f"The socket {path} cannot be made: {error.strerror}.") from error
    finally:
        os.umask(before)
    return made


def send_frame(connection: socket.socket, body: bytes) -> None:
    """Send all of it. OSError if the other side does not take it."""
    connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def receive_frame(connection: socket.socket, limit: int, begun: bytes = b"") -> bytes:
    """The next frame's bytes, of which `begun` has come already. OSError if it is longer than `limit`, or does not come."""
    length = int.from_bytes(begun + receive(connection, _LENGTH_BYTES - len(begun)), "big")
    if length > limit:
        raise ConnectionError(f"a frame of {length} bytes where at most {limit} are taken")
    return receive(connection, length)


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes. OSError if they do not come."""
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("the other side has left")
        received += part
    return received
