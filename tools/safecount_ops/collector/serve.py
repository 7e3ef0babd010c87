"""Serves both ports of an initialised folder in one process, until SIGTERM or SIGINT."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from safecount.errors import SafecountError
from safecount_ops.collector.authority import Authority
from safecount_ops.collector.database import Database
from safecount_ops.collector.enrolling import enrolment_router
from safecount_ops.collector.http import CLIENT_CERTIFICATE
from safecount_ops.collector.intake import Intake, read_receipt_key
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.settings import CollectorSettings, DevicePort, PeoplePort
from safecount_ops.collector.web import device_app, pull_app
from safecount_ops.enrolment.tokens import Tokens

_IDLE_S = 30
_STOP_S = 10


class _CertificateProtocol(HttpToolsProtocol):
    """Tells the application who the client is, by the certificate that TLS has checked."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        secured = self.transport.get_extra_info("ssl_object")
        certificate = secured.getpeercert(binary_form=True) if secured is not None else None
        cast("dict[str, object]", self.scope)[CLIENT_CERTIFICATE] = certificate


class _Server(uvicorn.Server):
    """One of two in a process: signals are for both, and `serve` sees to them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(settings: CollectorSettings) -> None:
    """Serve until told to stop. Prints both addresses once they take connections.

    Raises:
        SafecountError: a file or port cannot be used.
    """
    database = Database(settings.database)
    intake = Intake(database, read_receipt_key(settings.keys / "receipt.key.pem"))
    enrolment = enrolment_router(Authority(settings.keys), Registry(database), Tokens.in_folder(settings.folder))
    requests = settings.limits.requests
    ports: list[tuple[DevicePort | PeoplePort, FastAPI, ssl.VerifyMode]] = [
        (settings.devices, device_app(intake, requests, enrolment), ssl.CERT_OPTIONAL),
        (settings.people, pull_app(database, requests), ssl.CERT_NONE),
    ]
    listeners = [_listen(port) for port, _, _ in ports]
    servers = [_server(settings, app, clients) for _, app, clients in ports]
    for what, listener in zip(("devices", "controllers"), listeners, strict=True):
        host, port = listener.getsockname()[:2]
        print(f"{what}: https://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    try:
        asyncio.run(_run(servers, listeners))
    finally:
        database.close()


async def _run(servers: list[_Server], listeners: list[socket.socket]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.gather(
        *(server.serve(sockets=[listener]) for server, listener in zip(servers, listeners, strict=True))
    )


def _server(settings: CollectorSettings, app: FastAPI, clients: ssl.VerifyMode) -> _Server:
    config = uvicorn.Config(
        app,
        http=_CertificateProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_STOP_S,
        ssl_certfile=settings.keys / "server.pem",
        ssl_keyfile=settings.keys / "server.key.pem",
        ssl_ca_certs=str(settings.keys / "ca.pem"),
        ssl_cert_reqs=clients,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise SafecountError(f"The certificates in {settings.keys} cannot be used: {error}.") from error
    if config.ssl is None:
        raise SafecountError(f"There are no certificates in {settings.keys}.")
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return _Server(config)


def _listen(port: DevicePort | PeoplePort) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
        return socket.create_server((port.host, port.port), family=family, backlog=1024)
    except OSError as error:
        raise SafecountError(f"Port {port.port} of {port.host} cannot be opened: {error}.") from error
