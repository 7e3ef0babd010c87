"""Before each application: who comes, how often, how many at once, and what it costs to keep sending what is wrong.

Whoever is turned away is told 429 and when to come again; nothing of the request was looked at, and nothing is lost.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safecount_ops.collector.authority import device_name
from safecount_ops.collector.database import DatabaseUnavailable
from safecount_ops.collector.limits import Buckets, Exclusions, of_address, of_device
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.settings import Limits

CLIENT_CERTIFICATE = "safecount.client_certificate"
"""Where the server puts the client's certificate (DER), which TLS has checked, into a request's scope."""
DEVICE = "safecount.device"
"""Where the name in it is found after the gate; None without a certificate."""
OFFENCE = "safecount.offence"
"""Where an application notes that an answer of 200 was one to bad input."""
_OFFENSIVE = frozenset({400, 401, 403, 408, 413, 415})
_OFFENSIVE_OF_STRANGERS = _OFFENSIVE | {404, 405}
"""A device asks for a keyset that is not there yet; a stranger looks for doors."""
_FULL_S = 5
"""After how many seconds to come again when all room is taken: by then a request has long been done."""


@dataclass(frozen=True, slots=True)
class _Visit:
    subject: str
    certified: bool


class Gate:
    """An ASGI application in front of another. Remembers who is inside, and the buckets of `limits`."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        exclusions: Exclusions,
        metrics: Metrics,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._limits = limits
        self._exclusions = exclusions
        self._metrics = metrics
        self._now_s = now_s
        self._devices = Buckets(limits.device_per_minute / 60, limits.device_burst)
        self._addresses = Buckets(limits.address_per_minute / 60, limits.address_burst)
        self._offences = Buckets(limits.offences / 600, limits.offences)
        self._inside: Counter[str] = Counter()
        self._room = {
            True: limits.requests,
            False: max(1, limits.requests // 2),
        }  # strangers never fill the devices' room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _visit(scope)
        if self._exclusions.is_due():
            await asyncio.to_thread(self._exclusions.refresh, int(self._now_s()))
        cause, wait_s = self._turn_away(visit)
        if cause:
            self._metrics.turned_away.labels(cause).inc()
            await _later(send, wait_s)
            return
        await self._let_in(visit, scope, receive, send)

    def _turn_away(self, visit: _Visit) -> tuple[str, float]:
        """Why, in a word, and for how many seconds; an empty word for those who are let in."""
        now_s = self._now_s()
        if left_s := self._exclusions.left_s(visit.subject, int(now_s)):
            return "excluded", left_s
        buckets = self._devices if visit.certified else self._addresses
        if wait_s := buckets.take(visit.subject, now_s):
            return "rate", wait_s
        if self._inside[visit.subject] >= self._limits.at_once:
            return "at once", 1
        if self._room[visit.certified] <= 0:
            return "full", _FULL_S
        return "", 0

    async def _let_in(self, visit: _Visit, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500
        began_s = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._inside[visit.subject] += 1
        self._room[visit.certified] -= 1
        try:
            await self._app(scope, receive, watch)
        finally:
            self._room[visit.certified] += 1
            self._inside[visit.subject] -= 1
            if not self._inside[visit.subject]:
                del self._inside[visit.subject]
        self._metrics.answers.labels(str(status)).inc()
        self._metrics.seconds.observe(time.perf_counter() - began_s)
        if status in (_OFFENSIVE if visit.certified else _OFFENSIVE_OF_STRANGERS) or scope.get(OFFENCE):
            await self._note_offence(visit.subject)

    async def _note_offence(self, subject: str) -> None:
        now_s = self._now_s()
        if not self._offences.take(subject, now_s):
            return
        self._offences.forget(subject)
        first_s = self._limits.exclusion_s
        try:
            await asyncio.to_thread(self._exclusions.add, subject, "kept sending what is refused", first_s, int(now_s))
        except DatabaseUnavailable:
            return
        self._metrics.exclusions.inc()


def _visit(scope: Scope) -> _Visit:
    certificate: Any = scope.get(CLIENT_CERTIFICATE)
    name = device_name(certificate) if certificate else None
    scope[DEVICE] = name
    if name is not None:
        return _Visit(of_device(name), certified=True)
    client = scope.get("client")
    return _Visit(of_address(client[0] if client else ""), certified=False)


async def _later(send: Send, wait_s: float) -> None:
    headers = [(b"retry-after", str(math.ceil(wait_s)).encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
