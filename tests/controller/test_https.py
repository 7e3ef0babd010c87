"""The way to the collector: what is asked, what is believed, and every answer that is none."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from safecount.errors import SafecountError, UsageError
from safecount.wire.errors import UntrustedInput
from safecount.wire.pull import Directory, Page, encode_directory, encode_page
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient, CollectorError
from simulators.tls import Authority, LoopbackServer, http, read_request

CBOR = {"Content_Type": "application/cbor"}


class Collector:
    """Answers one request after the other with what it was given, and remembers what was asked."""

    def __init__(self, folder: Path, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self.authority = Authority(folder)
        identity = self.authority.issue("collector", address="127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate_file, identity.key_file)
        self.answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.server = LoopbackServer(self.talk, self.context)
        (folder / "token").write_text("t0ken\n")
        self.address = CollectorAddress(f"https://127.0.0.1:{self.server.port}", self.authority.file, folder / "token")

    def talk(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        self.heads.append(head)
        self.bodies.append(body)
        answer = self.answers.pop(0)
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)


def test_what_is_asked_carries_the_token_and_the_place(tmp_path: Path) -> None:
    answers = [
        http("200 OK", encode_directory(Directory((), more=False)), **CBOR),
        http("200 OK", encode_page(Page((bytes(4096),), more=True)), **CBOR),
        http("204 No Content"),
    ]
    collector = Collector(tmp_path, *answers)
    with collector.server, CollectorClient(collector.address) as client:
        assert client.directory("a b&c") == Directory((), more=False)
        assert client.page("counter-7", 2, 7, 256) == Page((bytes(4096),), more=True)
        client.put_keyset(b"keyset")
    assert all("Authorization: Bearer t0ken" in head.split("\r\n") for head in collector.heads)
    assert collector.heads[0].startswith("GET /v1/pull/devices?after=a+b%26c HTTP/1.1")
    assert collector.heads[1].startswith("GET /v1/pull?device=counter-7&epoch=2&after=7&limit=256 HTTP/1.1")
    assert collector.heads[2].startswith("PUT /v1/keyset HTTP/1.1")
    assert collector.bodies[2] == b"keyset"


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 10000000000\r\n\r\n")
    sent, chunk = 0, bytes(1 << 16)
    while sent < 10_000_000_000:
        sent += connection.send(chunk)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (http("401 Unauthorized"), CollectorError, "token"),
        (http("404 Not Found"), CollectorError, "does not know"),
        (http("500 Oops"), CollectorError, "status 500"),
        (http("302 Found", Location="https://127.0.0.1/"), CollectorError, "status 302"),
        (endless, CollectorError, "gives more than"),
        (http("200 OK", b"\x00", **CBOR), UntrustedInput, "keys"),
        (http("200 OK", b"", **CBOR), UntrustedInput, "CBOR"),
        (b"not http at all\r\n\r\n", CollectorError, "cannot be reached"),
        (b"", CollectorError, "cannot be reached"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 500\r\n\r\nhalf",
            CollectorError,
            "cannot be reached",
        ),
    ],
)
def test_every_answer_that_is_none_ends_in_one_sentence(
    tmp_path: Path, answer: bytes, error: type[SafecountError], says: str
) -> None:
    collector = Collector(tmp_path, answer)
    with collector.server, CollectorClient(collector.address) as client, pytest.raises(error, match=says) as told:
        client.page("counter-7", 1, 0, 256)
    assert "\n" not in str(told.value)


def test_a_busy_collector_is_asked_again_after_the_wait_it_wishes(tmp_path: Path) -> None:
    waits: list[float] = []
    good = http("200 OK", encode_directory(Directory((), more=False)), **CBOR)
    busy = [http("429 Busy", Retry_After=wish) for wish in ("7", "100000", "soon")]
    collector = Collector(tmp_path, *busy, good)
    with collector.server, CollectorClient(collector.address, waits.append) as client:
        assert client.directory(None) == Directory((), more=False)
    assert waits == [7, 60, 5]


def test_somebody_else_with_another_ca_is_not_talked_to(tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    address = CollectorAddress(collector.address.url, stranger.file, collector.address.token_file)
    with collector.server, CollectorClient(address) as client, pytest.raises(CollectorError, match="certificate"):
        client.directory(None)
    assert collector.heads == []


@pytest.mark.parametrize("token", ["", "two words", "x" * 5000, "ünicode"])
def test_a_token_that_is_none_is_told_before_anything_is_sent(tmp_path: Path, token: str) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "token").write_text(token)
    with pytest.raises(UsageError, match="token file"):
        CollectorClient(CollectorAddress("https://127.0.0.1:9", authority.file, tmp_path / "token"))


def test_only_https_and_only_a_ca_that_is_one(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca").write_text("no ca")
    with pytest.raises(UsageError, match="https://"):
        CollectorClient(CollectorAddress("http://127.0.0.1:9", tmp_path / "ca", tmp_path / "token"))
    with pytest.raises(UsageError, match="CA"):
        CollectorClient(CollectorAddress("https://127.0.0.1:9", tmp_path / "ca", tmp_path / "token"))
    assert threading.active_count() < 20
