"""The Unix socket between the counting process and the set-up page's process, while a session is open.

The page's process listens. Whoever connects sends one scene at a time and gets a wish for each: frames of `local_socket` with
CBOR in them (`wire.scene`). What is not what it should be ends the connection.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from safecount.edges.local_socket import bound, receive_frame, send_frame
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
            send_frame(self._socket, encode_scene(scene))
            return decode_wish(receive_frame(self._socket, MAX_WISH_BYTES))
        except (OSError, UntrustedInput) as error:
            raise NobodyLooks("The page process takes no more scenes.") from error


class SceneServer:
    """The page's side, in a thread of its own; one connection at a time, for there is one counting process."""

    def __init__(self, path: Path, take: Callable[[Scene], Wish]) -> None:
        """`take` is called for each scene, in the server's thread."""
        self._path = path
        self._take = take
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="scenes", daemon=True)

    def __enter__(self) -> Self:
        self._listener = bound(self._path, socket.SOCK_STREAM)
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
                    scene = decode_scene(receive_frame(connection, MAX_SCENE_BYTES))
                    send_frame(connection, encode_wish(self._take(scene)))
