"""The Unix socket between the counting process and the set-up page's process, while a session is open.

The page's process listens. Whoever connects sends one scene at a time and gets a wish for each. A frame is its length in
two bytes, big-endian, and that many bytes of CBOR (`wire.scene`). What is not what it should be ends the connection.
"""

import os
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from safecount.errors import SafecountError
from safecount.wire.errors import UntrustedInput
from safecount.wire.scene import (
    MAX_SCENE_BYTES,
    MAX_WISH_BYTES,
    Scene,
    Wish,
    decode_scene,
    decode_wish,
    encode_scene,
    encode_wish,
)

_LENGTH_BYTES = 2
_TIMEOUT_S = 2.0
_IDLE_S = 10.0


class NobodyLooks(SafecountError):  # noqa: N818 - it names what is missing
    """No page process takes scenes."""


class SceneClient:
    """The counting side of one connection. NobodyLooks when there is nobody, or no longer."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NobodyLooks(f"Nobody takes scenes at {path}.") from error

    def close(self) -> None:
        self._socket.close()

    def show(self, scene: Scene) -> Wish:
        """Hand over one scene; what the page would like next."""
        try:
            _send_frame(self._socket, encode_scene(scene))
            return decode_wish(_receive_frame(self._socket, MAX_WISH_BYTES))
        except (OSError, UntrustedInput) as error:
            raise NobodyLooks("The page process takes no more scenes.") from error


class SceneServer:
    """The page's side, in a thread of its own; one connection at a time, for there is one counting process."""

    def __init__(self, path: Path, take: Callable[[Scene], Wish]) -> None:
        """`take` is called for each scene, in the server's thread."""
        self._path = path
        self._take = take
        self._closing = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._run, name="scenes", daemon=True)

    def __enter__(self) -> Self:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()
        before = os.umask(0o117)  # the owner and the group of the folder, nobody else
        try:
            self._listener.bind(str(self._path))
        except OSError as error:
            self._listener.close()
            raise SafecountError(f"The socket {self._path} cannot be made: {error.strerror}.") from error
        finally:
            os.umask(before)
        self._listener.listen(1)
        self._listener.settimeout(0.5)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        with suppress(OSError):
            self._path.unlink()
        self._thread.join(_TIMEOUT_S)
        self._listener.close()

    def _run(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with connection, suppress(OSError, UntrustedInput):
                connection.settimeout(_IDLE_S)
                while not self._closing:
                    scene = decode_scene(_receive_frame(connection, MAX_SCENE_BYTES))
                    _send_frame(connection, encode_wish(self._take(scene)))


def _send_frame(connection: socket.socket, body: bytes) -> None:
    connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def _receive_frame(connection: socket.socket, limit: int) -> bytes:
    length = int.from_bytes(_receive(connection, _LENGTH_BYTES), "big")
    if length > limit:
        raise ConnectionError(f"a frame of {length} bytes where at most {limit} are taken")
    return _receive(connection, length)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("the other side has left")
        received += part
    return received
