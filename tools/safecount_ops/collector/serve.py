"""Serves both ports of an initialised folder, in one process or several, until SIGTERM or SIGINT."""

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from safecount.errors import SafecountError
from safecount_ops.collector.authority import Authority
from safecount_ops.collector.database import Database, DatabaseUnavailable
from safecount_ops.collector.enrolling import enrolment_router
from safecount_ops.collector.gate import CLIENT_CERTIFICATE, Gate
from safecount_ops.collector.intake import Intake, read_receipt_key, utc_now_s
from safecount_ops.collector.limits import Exclusions
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.pages import Pages, pages_router
from safecount_ops.collector.pam_passwords import PamPasswords
from safecount_ops.collector.people import People
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.retention import remove_old
from safecount_ops.collector.rollout import RolloutWatch
from safecount_ops.collector.settings import CollectorSettings, DevicePort, PeoplePort
from safecount_ops.collector.web import device_app, people_app
from safecount_ops.enrolment.tokens import Tokens

_IDLE_S = 30
_STOP_S = 10


class _Protocol(HttpToolsProtocol):
    """Tells the application who the client is, by the certificate that TLS has checked, and waits for no slow head."""

    head_s: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()
        secured = self.transport.get_extra_info("ssl_object")
        certificate = secured.getpeercert(binary_form=True) if secured is not None else None
        cast("dict[str, object]", self.scope)[CLIENT_CERTIFICATE] = certificate

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Server(uvicorn.Server):
    """One of two in a process: signals are for both, and `serve` sees to them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(settings: CollectorSettings, processes: int = 1) -> None:
    """Serve until told to stop, with `processes` that share the ports. Prints both addresses first.

    Raises:
        SafecountError: a file or port cannot be used, or one of several processes has ended by itself.
    """
    listeners = [_listen(port) for port in (settings.devices, settings.people)]
    for what, listener in zip(("devices", "people"), listeners, strict=True):
        host, port = listener.getsockname()[:2]
        print(f"{what}: https://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    if processes == 1:
        _serve(settings, listeners)
    else:
        _supervise(lambda: _serve(settings, listeners), processes)


def _supervise(work: Callable[[], None], processes: int) -> None:
    """Run `work` in children until told to stop. When one ends by itself all do: the service manager starts them anew."""
    children = {_child(work) for _ in range(processes)}
    told = False

    def stop(_number: int = 0, _frame: object = None) -> None:
        nonlocal told
        told = True
        for one in children:
            os.kill(one, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    ended_early = False
    while children:
        ended, _ = os.wait()
        children.discard(ended)
        if not told:
            ended_early = True
            stop()
    if ended_early:
        raise SafecountError("A process of the collector ended by itself, so all were stopped; start it again.")


def _child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except SafecountError as error:
        print(error, file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _serve(settings: CollectorSettings, listeners: list[socket.socket]) -> None:
    metrics = Metrics()

    def tell(trouble: str) -> None:
        metrics.database_does(trouble)
        print(trouble or "The collector's database takes records again.", file=sys.stderr, flush=True)

    database = Database(settings.database, tell=tell)
    intake = Intake(database, read_receipt_key(settings.keys / "receipt.key.pem"))
    enrolment = enrolment_router(Authority(settings.keys), Registry(database), Tokens(database))
    limits, exclusions = settings.limits, Exclusions(database)
    people = People(database, PamPasswords(settings.login.pam_service))
    pages = pages_router(Pages(database, people, exclusions))
    apps = (
        device_app(intake, metrics, limits.body_s, enrolment),
        people_app(database, metrics, limits.body_s, pages, settings.security),
    )
    gates = (Gate(app, limits, exclusions, metrics) for app in apps)
    servers = [
        _server(settings, gate, clients)
        for gate, clients in zip(gates, (ssl.CERT_OPTIONAL, ssl.CERT_NONE), strict=True)
    ]
    watch, keep = RolloutWatch(database, settings.folder, settings.rollout), settings.retention
    watches = [
        _each(settings.rollout.look_s, watch.look),
        _each(keep.look_s, lambda now_s: remove_old(database, keep.days, now_s)),
    ]
    try:
        asyncio.run(_run(servers, listeners, watches))
    finally:
        database.close()


async def _run(
    servers: list[_Server], listeners: list[socket.socket], watches: list[Coroutine[None, None, None]]
) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    watching = [asyncio.create_task(one) for one in watches]
    await asyncio.gather(
        *(server.serve(sockets=[listener]) for server, listener in zip(servers, listeners, strict=True))
    )
    for one in watching:
        one.cancel()


async def _each(seconds: float, look: Callable[[int], object]) -> None:
    while True:
        with suppress(DatabaseUnavailable):
            await asyncio.to_thread(look, utc_now_s())
        await asyncio.sleep(seconds)


def _server(settings: CollectorSettings, app: Gate, clients: ssl.VerifyMode) -> _Server:
    config = uvicorn.Config(
        app,
        http=type("_Protocol", (_Protocol,), {"head_s": settings.limits.body_s}),
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
