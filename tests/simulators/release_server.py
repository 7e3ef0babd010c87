"""A static web server on loopback over a published folder, which keeps a log and can be made to misbehave."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

PIECE = 16 * 1024


@dataclass
class Weather:
    """What is done to answers for paths that match `at`. `bytes_of` gives other bytes than the file's.

    `cut_after` drops each connection after so many bytes; `endless` adds bytes for ever; `trickle` gives a byte at a
    time; `status` answers with it; `no_parts` ignores ranges.
    """

    at: str = ".*"
    bytes_of: Callable[[bytes], bytes] = lambda content: content
    cut_after: int | None = None
    endless: bool = False
    trickle: bool = False
    status: int | None = None
    no_parts: bool = False


@dataclass
class ReleaseServer:
    """Serves while entered, with `tls` by HTTPS. `sent` counts all bytes of bodies and headers; `asked` lists paths."""

    folder: Path
    weather: Weather = field(default_factory=lambda: Weather(at="$^"))
    sent: int = 0
    asked: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(OSError):
                    owner.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:  # each connection's own thread makes its handshake
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        self.asked.append(path)
        weather = self.weather if re.search(self.weather.at, path) else Weather()
        file = self.folder / path
        if weather.status or not file.is_file() or ".." in path:
            self._send(handler, weather.status or 404, b"", [("Location", handler.path)])
            return
        span = "" if weather.no_parts else handler.headers.get("Range", "")
        if not (found := _content(file, span, weather)):
            self._send(handler, 416, b"", [])
            return
        status, headers, content = found
        if weather.endless:
            self._send(handler, status, content, headers, length=False)
            while True:
                handler.wfile.write(bytes(PIECE))
        if weather.cut_after is not None and len(content) > weather.cut_after:
            self._head(handler, status, headers, len(content))
            handler.wfile.write(content[: weather.cut_after])
            self.sent += weather.cut_after
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if weather.trickle:
            self._head(handler, status, headers, len(content))
            for number in range(len(content)):
                handler.wfile.write(content[number : number + 1])
                time.sleep(0.02)
            return
        self._send(handler, status, content, headers)

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        content: bytes,
        headers: list[tuple[str, str]],
        *,
        length: bool = True,
    ) -> None:
        self._head(handler, status, headers, len(content) if length else None)
        handler.wfile.write(content)
        self.sent += len(content)

    def _head(
        self, handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], length: int | None
    ) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        if length is None:
            handler.close_connection = True
            handler.send_header("Connection", "close")
        else:
            handler.send_header("Content-Length", str(length))
        self.sent += 200  # status line and headers, about
        handler.end_headers()


def _content(file: Path, span: str, weather: Weather) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """Status, headers and body of an answer; None for a part that lies behind the file's end."""
    with file.open("rb") as opened:
        changed = None if weather.bytes_of is Weather.bytes_of else weather.bytes_of(opened.read())
        length = file.stat().st_size if changed is None else len(changed)
        if not span:
            return 200, [], opened.read() if changed is None else changed
        first, last = _span(span, length)
        if first >= length:
            return None
        opened.seek(first)
        content = opened.read(last + 1 - first) if changed is None else changed[first : last + 1]
        return 206, [("Content-Range", f"bytes {first}-{last}/{length}")], content


def _span(span: str, length: int) -> tuple[int, int]:
    first, _, last = span.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, length - int(last)), length - 1
    return int(first), min(int(last), length - 1) if last else length - 1
