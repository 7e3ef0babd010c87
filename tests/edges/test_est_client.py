"""The EST client before hosts that are no collector: nobody is known yet when the CA is fetched."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.edges.est_client import MAX_ANSWER_BYTES, EnrolmentFailed, _certificates, fetch_ca
from safecount.provisioning.enrolment_flow import Event
from simulators.tls import Authority, LoopbackServer, http, read_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\n\r\n"


@contextmanager
def answering(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a host with some certificate, which answers so."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        answer(connection)

    issued = Authority(folder).issue("anybody", address="127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate_file, issued.key_file)
    with LoopbackServer(talk, context) as server:
        yield f"https://127.0.0.1:{server.port}"


def outcome(url: str, within_s: float = 5.0) -> Event:
    with pytest.raises(EnrolmentFailed) as failure:
        fetch_ca(url, bytes(32), within_s)
    return failure.value.event


def test_an_answer_that_trickles_is_given_up(tmp_path: Path) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for _ in range(200):
            connection.sendall(b"A")
            time.sleep(0.05)

    with answering(tmp_path, trickle) as url:
        began_s = time.monotonic()
        assert outcome(url, within_s=0.5) is Event.COLLECTOR_FAILED
        assert time.monotonic() - began_s < 5


def test_an_answer_without_end_is_given_up(tmp_path: Path) -> None:
    with answering(tmp_path, lambda connection: connection.sendall(HEAD + b"A" * (MAX_ANSWER_BYTES + 1))) as url:
        assert outcome(url) is Event.COLLECTOR_FAILED


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (http("302 Found", Location="https://elsewhere.example"), Event.COLLECTOR_FAILED),
        (http("500 Internal Server Error"), Event.COLLECTOR_FAILED),
        (http("429 Too Many Requests", Retry_After="5"), Event.COLLECTOR_FAILED),
        (http("200 OK", b"<html>log in here</html>"), Event.COLLECTOR_FAILED),
        (b"SSH-2.0-nothing\r\n", Event.NO_NETWORK),
        (b"", Event.NO_NETWORK),
    ],
)
def test_an_answer_without_sense_is_told(tmp_path: Path, answer: bytes, event: Event) -> None:
    with answering(tmp_path, lambda connection: connection.sendall(answer)) as url:
        assert outcome(url) is event


@given(st.binary(max_size=400))
def test_any_bytes_are_no_certificates(raw: bytes) -> None:
    with pytest.raises(EnrolmentFailed):
        _certificates(raw)
