"""The edge against a real TLS server on loopback, in every state that a network can be in."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from safecount.delivery.ports import Failure, FailureKind
from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.errors import SafecountError
from safecount.wire.errors import Reason
from safecount.wire.uplink import CONTENT_TYPE, MAX_ANSWER_BYTES, Answer, Refusal, decode_batch, encode_answer
from simulators.tls import Authority, Issued, LoopbackServer, Talk, http, read_request, server_context

ANSWER = Answer((b"receipt",), (Refusal(1, Reason.FORK),), 4)
GOOD = http("200 OK", encode_answer(ANSWER), Content_Type=CONTENT_TYPE)
BATCH = [b"first", b"second"]


@dataclass(frozen=True)
class Pki:
    ours: Authority
    stranger: Authority
    server: Issued
    device: Issued


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ours = Authority(folder)
    return Pki(ours, Authority(folder, "stranger"), ours.issue("server", address="127.0.0.1"), ours.issue("device"))


def settings(pki: Pki, port: int) -> HttpsSettings:
    return HttpsSettings(
        url=f"https://127.0.0.1:{port}",
        ca_file=pki.ours.file,
        certificate_file=pki.device.certificate_file,
        key_file=pki.device.key_file,
        connect_timeout_s=5,
        read_timeout_s=0.3,
        answer_deadline_s=0.5,
    )


@contextmanager
def transport_to(pki: Pki, talk: Talk, context: ssl.SSLContext | None) -> Iterator[HttpsTransport]:
    with LoopbackServer(talk, context) as server:
        transport = HttpsTransport(settings(pki, server.port))
        yield transport
        transport.close()


def answering(*parts: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)

    return talk


def outcome(pki: Pki, talk: Talk) -> Answer | Failure:
    with transport_to(pki, talk, server_context(pki.server, pki.ours.file)) as transport:
        return transport.send(BATCH)


def test_a_batch_goes_there_and_its_answer_comes_back(pki: Pki) -> None:
    heard: list[tuple[str, bytes]] = []

    def talk(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.version() == "TLSv1.3"
        certificate = connection.getpeercert() or {}
        assert certificate["subject"] == ((("commonName", "device"),),)
        heard.append(read_request(connection))
        connection.sendall(GOOD)

    assert outcome(pki, talk) == ANSWER
    ((head, body),) = heard
    assert head.startswith("POST /v1/envelopes HTTP/1.1\r\n")
    assert f"Content-Type: {CONTENT_TYPE}" in head
    assert decode_batch(body) == BATCH


def test_a_keyset_is_fetched_as_it_is(pki: Pki) -> None:
    talk = answering(http("200 OK", b"signed bytes", Content_Type=CONTENT_TYPE))
    with transport_to(pki, talk, server_context(pki.server, pki.ours.file)) as transport:
        assert transport.fetch_keyset() == b"signed bytes"


@pytest.mark.parametrize(
    ("what", "answer", "failure"),
    [
        ("429 with a wish", http("429 Slow", Retry_After="120"), Failure(FailureKind.BUSY, 120)),
        ("503 without one", http("503 Down"), Failure(FailureKind.BUSY)),
        (
            "a wish that is a date",
            http("429 Slow", Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"),
            Failure(FailureKind.BUSY),
        ),
        ("a wish beyond reason", http("429 Slow", Retry_After="9" * 400), Failure(FailureKind.BUSY)),
        ("a redirect", http("302 Found", Location="http://portal.example/"), Failure(FailureKind.INTERCEPTED)),
        ("a page", http("200 OK", b"<html>Log in", Content_Type="text/html"), Failure(FailureKind.INTERCEPTED)),
        ("400", http("400 Bad Request"), Failure(FailureKind.REJECTED)),
        ("403", http("403 Forbidden"), Failure(FailureKind.REJECTED)),
        ("413", http("413 Too Large"), Failure(FailureKind.REJECTED)),
        ("500", http("500 Oops"), Failure(FailureKind.REJECTED)),
        ("204", http("204 Nothing"), Failure(FailureKind.REJECTED)),
        ("no CBOR", http("200 OK", b"{}", Content_Type=CONTENT_TYPE), Failure(FailureKind.BROKEN_ANSWER)),
        ("half an answer", GOOD[:-3], Failure(FailureKind.BROKEN_ANSWER)),
        ("half a first line", GOOD[:11], Failure(FailureKind.BROKEN_ANSWER)),
        ("half a head", GOOD[:30], Failure(FailureKind.INTERCEPTED)),
        ("nothing", b"", Failure(FailureKind.BROKEN_ANSWER)),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", Failure(FailureKind.BROKEN_ANSWER)),
        (
            "an answer without end",
            http("200 OK", b"x" * (MAX_ANSWER_BYTES + 1), Content_Type=CONTENT_TYPE),
            Failure(FailureKind.BROKEN_ANSWER),
        ),
        (
            "a length that is none",
            http("200 OK", b"xx", Content_Type=CONTENT_TYPE, Content_Length="many"),
            Failure(FailureKind.BROKEN_ANSWER),
        ),
    ],
)
def test_every_answer_has_its_name(pki: Pki, what: str, answer: bytes, failure: Failure) -> None:
    assert outcome(pki, answering(answer)) == failure


def test_a_compressed_answer_is_not_unpacked(pki: Pki) -> None:
    answer = http("200 OK", b"\x1f\x8b" + bytes(40), Content_Type=CONTENT_TYPE, Content_Encoding="gzip")
    assert outcome(pki, answering(answer)) == Failure(FailureKind.BROKEN_ANSWER)


def test_a_stalled_answer_is_given_up(pki: Pki) -> None:
    before = time.monotonic()
    assert outcome(pki, answering(GOOD[:40], pause_s=1.0)) == Failure(FailureKind.BROKEN_ANSWER)
    assert time.monotonic() - before < 5


def test_an_answer_that_trickles_is_given_up_at_its_deadline(pki: Pki) -> None:
    head, body = GOOD.split(b"\r\n\r\n")
    head = head.replace(b"Content-Length: 13", b"Content-Length: 1000")
    talk = answering(head + b"\r\n\r\n", *[bytes([byte]) for byte in body * 4], pause_s=0.1)
    assert outcome(pki, talk) == Failure(FailureKind.BROKEN_ANSWER)


def test_nobody_there_is_unreachable(pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = HttpsTransport(settings(pki, port))
    assert transport.send(BATCH) == Failure(FailureKind.UNREACHABLE)
    nowhere = HttpsTransport(replace(settings(pki, port), url="https://collector.invalid"))
    assert nowhere.send(BATCH) == Failure(FailureKind.UNREACHABLE)


def test_a_connection_that_is_open_on_one_side_only_is_given_up(pki: Pki) -> None:
    """The kernel at the other end takes the connection, and nobody ever speaks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        half_open = replace(settings(pki, listener.getsockname()[1]), connect_timeout_s=0.3)
        before = time.monotonic()
        assert HttpsTransport(half_open).send(BATCH) in (
            Failure(FailureKind.UNREACHABLE),
            Failure(FailureKind.BROKEN_ANSWER),
        )
        assert time.monotonic() - before < 5


@pytest.mark.parametrize("who", ["of another authority", "of another host", "of yesterday", "of tomorrow"])
def test_a_certificate_that_is_not_the_collector_s_gets_no_envelope(pki: Pki, who: str) -> None:
    identity = {
        "of another authority": lambda: pki.stranger.issue("other", address="127.0.0.1"),
        "of another host": lambda: pki.ours.issue("host", address="127.0.0.2"),
        "of yesterday": lambda: pki.ours.issue("old", address="127.0.0.1", valid_days=(-9, -1)),
        "of tomorrow": lambda: pki.ours.issue("new", address="127.0.0.1", valid_days=(1, 9)),
    }[who]()
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heard.append(read_request(connection)[1])

    with transport_to(pki, talk, server_context(identity, pki.ours.file)) as transport:
        assert transport.send(BATCH) == Failure(FailureKind.INTRUDER)
    assert heard == []


def test_an_older_tls_is_not_spoken(pki: Pki) -> None:
    context = server_context(pki.server, pki.ours.file, newest=ssl.TLSVersion.TLSv1_2)
    with transport_to(pki, answering(GOOD), context) as transport:
        assert transport.send(BATCH) == Failure(FailureKind.INTERCEPTED)


def test_a_portal_without_tls_is_seen_as_such(pki: Pki) -> None:
    def portal(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(http("302 Found", Location="http://portal.example/"))

    with transport_to(pki, portal, None) as transport:
        assert transport.send(BATCH) == Failure(FailureKind.INTERCEPTED)


def test_a_device_that_the_collector_does_not_know_is_told_so(pki: Pki) -> None:
    with transport_to(pki, answering(GOOD), server_context(pki.server, pki.stranger.file)) as transport:
        assert transport.send(BATCH) == Failure(FailureKind.REJECTED)


def test_the_environment_cannot_redirect_it(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pki.stranger.file))
    assert outcome(pki, answering(GOOD)) == ANSWER


def test_certificates_that_cannot_be_used_are_told_at_the_start(pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(SafecountError, match="Enrol the device again"):
        HttpsTransport(replace(settings(pki, 1), ca_file=tmp_path / "none.pem"))
    with pytest.raises(SafecountError, match="Enrol the device again"):
        HttpsTransport(replace(settings(pki, 1), key_file=pki.server.key_file))
