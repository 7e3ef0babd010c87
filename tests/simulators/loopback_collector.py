"""The device's side of a collector over real mutual TLS on loopback, in front of the collector in memory."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from safecount.delivery.ports import Failure, FailureKind
from safecount.wire.keyset import Keyset, sign_keyset
from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH, KEYSET_PATH, decode_batch, encode_answer
from simulators.collector import MemoryCollector
from simulators.keys import signing_key
from simulators.tls import Authority, LoopbackServer, http, read_request, server_context


@dataclass
class LoopbackCollector:
    """Answers one request a connection. `keyset` is the newest that it can give."""

    store: MemoryCollector
    keyset: Keyset | None = None
    visits: int = 0

    def talk(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        self.visits += 1
        if answer := self._answer(head.split("\r\n", 1)[0], body):
            connection.sendall(answer)

    def _answer(self, request: str, body: bytes) -> bytes:
        match request.split(" ")[:2]:
            case ["POST", path] if path == ENVELOPES_PATH:
                self.store.newest_keyset = self.keyset.serial if self.keyset else 0
                outcome = self.store.send(decode_batch(body))
                if isinstance(outcome, Failure):
                    return self._failed(outcome)
                return http("200 OK", encode_answer(outcome), Content_Type=CONTENT_TYPE)
            case ["GET", path] if path == KEYSET_PATH and self.keyset:
                return http("200 OK", sign_keyset(self.keyset, signing_key("root")), Content_Type=CONTENT_TYPE)
        return http("404 Not Found")

    def _failed(self, outcome: Failure) -> bytes:
        """The answer of a collector that is busy; of one that the network was cut from, nothing."""
        return http("503 Service Unavailable", Retry_After="0") if outcome.kind is FailureKind.BUSY else b""

    @contextmanager
    def serving(self, authority: Authority) -> Iterator[str]:
        """Its address."""
        context = server_context(authority.issue("collector", address="127.0.0.1"), authority.file)
        with LoopbackServer(self.talk, context) as server:
            yield f"https://127.0.0.1:{server.port}"
