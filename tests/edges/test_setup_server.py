"""The set-up page's HTTP server before a browser that means no good: limits, and nothing but whole requests get through."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from safecount.edges import setup_server
from safecount.edges.setup_server import MAX_CONNECTIONS, MAX_HEAD_BYTES, Answer, SetupServer
from safecount.errors import SafecountError
from safecount.setting_up.page_rules import Head
from safecount.setting_up.requests import MAX_BODY_BYTES

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
heard: list[tuple[Head, bytes]] = []


def answer(head: Head, body: bytes) -> Answer:
    heard.append((head, body))
    return Answer(200, "text/plain", b"heard")


@pytest.fixture
def server() -> Iterator[SetupServer]:
    heard.clear()
    with SetupServer("127.0.0.1", 0, "", answer) as one:
        yield one


def connect(server: SetupServer) -> socket.socket:
    address, port = server.host.split(":")
    return socket.create_connection((address, int(port)), 10.0)


def said(server: SetupServer, *pieces: bytes) -> bytes:
    with connect(server) as connection:
        with suppress(OSError):  # sent away in the middle
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.01)
            connection.shutdown(socket.SHUT_WR)
        return all_of(connection)


def all_of(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def test_a_whole_request_is_answered_however_it_is_cut(server: SetupServer) -> None:
    body = b'{"a": 1}'
    request = b"POST /y HTTP/1.1\r\nHost: a\r\nX-B: c\r\nContent-Length: 8\r\n\r\n" + body
    assert said(server, request).startswith(b"HTTP/1.1 200")
    assert said(server, *(request[at : at + 7] for at in range(0, len(request), 7))).endswith(b"\r\n\r\nheard")
    assert (
        heard[0]
        == heard[1]
        == (
            Head("POST", "/y", (("host", "a"), ("x-b", "c"), ("content-length", "8"))),
            body,
        )
    )


def test_a_connection_carries_many_requests(server: SetupServer) -> None:
    assert said(server, GET * 3).count(b"200 \r\n") == 3


def test_the_browser_is_told_to_load_nothing_from_elsewhere_and_keep_nothing(server: SetupServer) -> None:
    told = said(server, GET).lower()
    for words in (b"default-src 'none'", b"cache-control: no-store", b"nosniff", b"frame-ancestors 'none'"):
        assert words in told


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /x\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00" + bytes(50), b"400"),
        (b"GET /x HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3 * MAX_HEAD_BYTES + b"\r\n\r\n", b"431"),
        (b"GET /" + b"a" * 100_000, b"431"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + bytes(MAX_BODY_BYTES + 1), b"413"),
        (
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"800\r\n" + bytes(2048) + b"\r\n800\r\n" + bytes(2048) + b"\r\n0\r\n\r\n",
            b"413",
        ),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", b"400"),
    ],
)  # fmt: skip
def test_what_is_no_request_never_gets_through(server: SetupServer, request_: bytes, status: bytes) -> None:
    told = said(server, request_)
    assert told == b"" or told.startswith(b"HTTP/1.1 " + status)
    assert heard == []


def test_who_says_nothing_or_half_is_sent_away(server: SetupServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_server, "IDLE_S", 0.6)
    monkeypatch.setattr(setup_server, "REQUEST_S", 0.3)
    with connect(server) as idle, connect(server) as slow:
        slow.sendall(b"GET /x HTTP/1.1\r\n")
        assert all_of(slow).startswith(b"HTTP/1.1 408")
        assert all_of(idle) == b""


def test_a_drip_of_bytes_does_not_hold_a_connection(server: SetupServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_server, "REQUEST_S", 0.4)
    dripped = 0
    with connect(server) as slow, suppress(OSError):
        for byte in b"GET /x HTTP/1.1\r\nHost: " + b"a" * 2000:
            slow.sendall(bytes([byte]))
            dripped += 1
            time.sleep(0.01)
    assert dripped < 1000, "the connection was cut in the middle"
    assert heard == []


def test_more_connections_than_there_may_be_are_closed_at_once(server: SetupServer) -> None:
    kept = [connect(server) for _ in range(MAX_CONNECTIONS)]
    time.sleep(0.2)
    with connect(server) as more:
        assert all_of(more) == b""
    for one in kept:
        one.close()
    time.sleep(0.2)
    assert said(server, GET).startswith(b"HTTP/1.1 200")


def test_the_page_is_opened_on_the_cable_or_not_at_all() -> None:
    with pytest.raises(SafecountError, match="name the interface"):
        SetupServer("0.0.0.0", 0, "", answer)
    with pytest.raises(SafecountError, match="cannot be opened on"):
        SetupServer("127.0.0.1", 0, "no-such-cable", answer)


def test_a_server_on_one_interface_is_not_there_on_another() -> None:
    """Bound to the loopback interface, as to usb0 on a device: whoever comes another way finds nothing."""
    with SetupServer("0.0.0.0", 0, "lo", answer) as one:
        port = int(one.host.split(":")[1])
        with socket.create_connection(("127.0.0.1", port), 5.0) as near:
            near.sendall(GET)
            assert near.recv(20).startswith(b"HTTP/1.1 200")
