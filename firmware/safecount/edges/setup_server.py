"""The HTTP server of the set-up page: HTTP/1.1 read by h11, one thread a connection, everything bounded.

It listens on one address of one network interface and nowhere else. A request has REQUEST_S to arrive whole, a
connection MAX_REQUESTS requests, a body MAX_BODY_BYTES; the connections beyond MAX_CONNECTIONS are closed at once.
What an answer may do in a browser is shut down by its headers: only what the device itself serves is loaded.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import h11

from safecount.errors import SafecountError
from safecount.setting_up.page_rules import Head
from safecount.setting_up.requests import MAX_BODY_BYTES

MAX_CONNECTIONS = 8
MAX_HEAD_BYTES = 8192
MAX_REQUESTS = 5000
REQUEST_S = 5.0
IDLE_S = 30.0
SEND_S = 10.0
_READ_BYTES = 4096
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"Cache-Control", b"no-store"),
    (b"Content-Security-Policy", _POLICY.encode("ascii")),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Permissions-Policy", b"camera=(), microphone=(), geolocation=()"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. `file_name` makes a browser keep it as a file."""

    status: int
    content_type: str
    body: bytes
    file_name: str = ""


Handler = Callable[[Head, bytes], Answer]
"""Called in the connection's thread, for each whole request."""


class _Unanswerable(Exception):  # noqa: N818 - it names the request
    """A request that is too long, too slow or no HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class SetupServer:
    """Remembers its connections, at most MAX_CONNECTIONS."""

    def __init__(self, address: str, port: int, interface: str, handle: Handler) -> None:
        """Listen on `interface`; "" only where the address is a loopback one.

        Raises:
            SafecountError: the address, the port or the interface cannot be had.
        """
        if not interface and not ipaddress.ip_address(address).is_loopback:
            raise SafecountError(
                f"The set-up page is not opened on {address}: name the interface of the USB cable in [setup] interface."
            )
        self._handle = handle
        self._room = threading.Semaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if interface:
                self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            self._listener.bind((address, port))
        except OSError as error:
            self._listener.close()
            where = f"{address}:{port}" + (f" of {interface}" if interface else "")
            raise SafecountError(f"The set-up page cannot be opened on {where}: {error.strerror}.") from error
        self._listener.listen(MAX_CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="page", daemon=True)

    @property
    def host(self) -> str:
        """The address as a browser names it in its Host header."""
        address, port = self._listener.getsockname()
        return address if port == 80 else f"{address}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError, h11.ProtocolError):
                Conversation(connection, self._handle).run()
        finally:
            with self._lock:
                self._open.discard(connection)
            self._room.release()


class Conversation:
    """One connection: requests and their answers in turn."""

    def __init__(self, connection: socket.socket, handle: Handler) -> None:
        self._socket = connection
        self._handle = handle
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    def run(self) -> None:
        for _ in range(MAX_REQUESTS):
            try:
                asked = self._receive()
            except (_Unanswerable, h11.RemoteProtocolError) as error:
                status = error.status if isinstance(error, _Unanswerable) else error.error_status_hint
                with suppress(h11.LocalProtocolError):  # nothing can be said after half an answer
                    self._send(Answer(status, "text/plain; charset=utf-8", b"This is no request of the set-up page.\n"))
                return
            if asked is None:
                return
            self._send(self._handle(*asked))
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    def _receive(self) -> tuple[Head, bytes] | None:
        """The next request, whole; None when there is none any more."""
        head: Head | None = None
        body = b""
        until_s = time.monotonic() + IDLE_S
        while True:
            match event := self._http.next_event():
                case h11.Request():
                    head = _head(event)
                case h11.Data():
                    body += bytes(event.data)
                    if len(body) > MAX_BODY_BYTES:
                        raise _Unanswerable(413)
                case h11.EndOfMessage():
                    return (head, body) if head else None
                case h11.ConnectionClosed() | h11.PAUSED:
                    return None
                case h11.NEED_DATA:
                    until_s = self._read(until_s)

    def _read(self, until_s: float) -> float:
        """Take in some bytes until then; the request that they begin is to be whole at the time that is returned."""
        begun = self._http.their_state is not h11.IDLE or bool(self._http.trailing_data[0])
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise _Unanswerable(408)
        self._socket.settimeout(left_s)
        try:
            self._http.receive_data(self._socket.recv(_READ_BYTES))
        except TimeoutError as error:
            if begun:
                raise _Unanswerable(408) from error
            raise
        return until_s if begun else min(until_s, time.monotonic() + REQUEST_S)

    def _send(self, answer: Answer) -> None:
        headers = [
            *_HEADERS,
            (b"Content-Type", answer.content_type.encode("ascii")),
            (b"Content-Length", str(len(answer.body)).encode("ascii")),
        ]
        if answer.file_name:
            headers.append((b"Content-Disposition", f'attachment; filename="{answer.file_name}"'.encode("ascii")))
        if self._http.their_state is not h11.DONE:
            headers.append((b"Connection", b"close"))
        self._socket.settimeout(SEND_S)
        response = h11.Response(status_code=answer.status, headers=headers)
        for event in (response, h11.Data(data=answer.body), h11.EndOfMessage()):
            self._socket.sendall(self._http.send(event) or b"")


def _head(request: h11.Request) -> Head:
    return Head(
        request.method.decode("ascii", "replace"),
        request.target.decode("ascii", "replace"),
        tuple((name.decode("ascii"), value.decode("ascii", "replace")) for name, value in request.headers),
    )
