"""A collector that enrols: the real EST server and a keyset, over real TLS on loopback."""

import datetime as dt
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from safecount_ops.enrolment.est import PREFIX, EstRequest, EstServer
from safecount_ops.enrolment.tokens import Tokens
from simulators.loopback_collector import LoopbackCollector
from simulators.tls import DAY, Authority, LoopbackServer, http, read_request


@dataclass
class DeviceCa:
    """The CA of a test as the EST server's issuer, and who was admitted."""

    authority: Authority
    days: tuple[int, int] = (-1, 30)
    admitted: dict[str, bytes] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)

    @property
    def certificate(self) -> x509.Certificate:
        return self.authority.certificate

    def issue_device(self, key: EllipticCurvePublicKey, device: str) -> bytes:
        self.issued.append(device)
        now = dt.datetime.now(dt.UTC)
        start, end = (now + count * DAY for count in self.days)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.key.public_key())
        builder = (
            x509.CertificateBuilder(self.authority.name, subject, key, x509.random_serial_number(), start, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer, critical=False)
        )
        return builder.sign(self.authority.key, SHA256()).public_bytes(Encoding.PEM)

    def admit(self, device: str, key: bytes) -> None:
        self.admitted[device] = key

    def is_admitted(self, device: str) -> bool:
        return device in self.admitted


@dataclass
class EstCollector:
    """EST requests go to the real server, all others to the loopback collector."""

    ca: DeviceCa
    tokens: Tokens
    others: LoopbackCollector

    def talk(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        method, path, _ = head.split("\r\n", 1)[0].split(" ")
        peer = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLSocket) else None
        if not path.startswith(PREFIX):
            if answer := self.others._answer(f"{method} {path}", body) if peer else http("403 Forbidden"):  # noqa: SLF001
                connection.sendall(answer)
            return
        named = (line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("authorization:"))
        request = EstRequest(method, path, body, next(named, ""), peer)
        given = EstServer(self.ca, self.ca, self.tokens).answer(request, int(time.time()))
        connection.sendall(http(f"{given.status} .", given.body, **given.headers))

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address."""
        issued = self.ca.authority.issue("est-collector", address="127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate_file, issued.key_file)
        context.load_verify_locations(self.ca.authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        with LoopbackServer(self.talk, context) as server:
            yield f"https://127.0.0.1:{server.port}"
