"""The Unix socket between the counting process and the seal process.

The seal process listens. To whoever connects it sends a welcome, then takes one message at a time and answers each
with one byte. Both are frames of `local_socket` with CBOR in them (`wire.local`). A message that is not what it should be
ends the connection.
"""

import socket
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Self

from safecount.edges.local_socket import bound, receive, receive_frame, send_frame
from safecount.errors import SafecountError
from safecount.wire.errors import UntrustedInput
from safecount.wire.local import (
    MAX_MESSAGE_BYTES,
    MAX_WELCOME_BYTES,
    Message,
    Welcome,
    decode_message,
    decode_welcome,
    encode_message,
    encode_welcome,
)

_ANSWER_TIMEOUT_S = 30.0
"""Longer than the spool waits for its lock."""
_SEND_TIMEOUT_S = 5.0


class Reply(IntEnum):
    """The answer to a message. TRY_AGAIN: it could not be stored now; nothing of it is."""

    STORED = 0
    ALREADY_ACCOUNTED = 1
    TRY_AGAIN = 2


class SealUnreachable(SafecountError):  # noqa: N818 - it names what is missing
    """The seal process does not answer; what was not acknowledged is to be sent again to the next one."""


class RecordClient:
    """The counting side of one connection. `welcome` is what its aggregator starts from."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
            self.welcome: Welcome = decode_welcome(receive_frame(self._socket, MAX_WELCOME_BYTES))
        except (OSError, UntrustedInput) as error:
            self._socket.close()
            raise SealUnreachable(f"The seal process does not answer at {path}: {error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message) -> Reply:
        """Hand over one message; on disk when the reply is STORED. SealUnreachable when nobody answers."""
        try:
            send_frame(self._socket, encode_message(message))
            return Reply(receive(self._socket, 1)[0])
        except (OSError, ValueError) as error:
            raise SealUnreachable(f"The seal process has stopped answering at {self._path}: {error}.") from error


class RecordServer:
    """The seal side. Serves one connection at a time, for there is one counting process."""

    def __init__(self, path: Path) -> None:
        self._listener = bound(path, socket.SOCK_STREAM)
        self._listener.listen(1)
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._hang_up()
        self._listener.close()

    def serve_once(self, wait_s: float, welcome: Callable[[], Welcome], take: Callable[[Message], Reply]) -> bool:
        """Wait at most `wait_s` for one connection or message and deal with it; whether there was one."""
        try:
            if self._connection is None:
                self._accept(wait_s, welcome)
            else:
                self._answer(self._connection, wait_s, take)
        except TimeoutError:
            return False
        except (OSError, UntrustedInput):
            self._hang_up()
        return True

    def _accept(self, wait_s: float, welcome: Callable[[], Welcome]) -> None:
        self._listener.settimeout(wait_s)
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(_SEND_TIMEOUT_S)
        try:
            send_frame(self._connection, encode_welcome(welcome()))
        except TimeoutError as error:
            raise ConnectionError("half a welcome") from error

    def _answer(self, connection: socket.socket, wait_s: float, take: Callable[[Message], Reply]) -> None:
        connection.settimeout(wait_s)
        first = receive(connection, 1)
        connection.settimeout(_SEND_TIMEOUT_S)
        try:
            message = decode_message(receive_frame(connection, MAX_MESSAGE_BYTES, first))
            connection.sendall(bytes([take(message)]))
        except TimeoutError as error:
            raise ConnectionError("half a message") from error

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
