"""The two HTTP interfaces: `device_app` for devices with a certificate, `people_app` for controllers, Prometheus and people."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from safecount.wire.encoding import encode
from safecount.wire.envelope import COUNTER_MAX, DEVICE_MAX_BYTES
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES
from safecount.wire.pull import DEVICES_PATH, MAX_PAGE, PULL_PATH, encode_directory, encode_page
from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH, KEYSET_PATH, MAX_BATCH_BYTES, encode_answer
from safecount_ops.collector.database import Database
from safecount_ops.collector.fetching import directory, page
from safecount_ops.collector.gate import DEVICE, OFFENCE
from safecount_ops.collector.http import body_of, make_app, read_body
from safecount_ops.collector.intake import Intake, utc_now_s
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.registry import METRICS, PULL, Bearer, Registry

Result = TypeVar("Result")
_FOUND_BY_READING = frozenset(one for one in Reason if one <= Reason.BAD_SIGNATURE)
"""What an honest device never sends, whatever became of its memory."""


def device_app(intake: Intake, metrics: Metrics, body_s: float, enrolment: APIRouter | None = None) -> FastAPI:
    """The device port. `enrolment` is the router of EST, which lets those in that have no certificate yet."""
    app = make_app("safecount collector: devices", body_s)
    if enrolment is not None:
        app.include_router(enrolment)

    @app.post(ENVELOPES_PATH, response_class=Response, openapi_extra=body_of(CONTENT_TYPE))
    async def take(request: Request, device: Annotated[str, Depends(_device)]) -> Response:
        body = await read_body(request, MAX_BATCH_BYTES, CONTENT_TYPE)
        try:
            answer = await asyncio.to_thread(intake.take, device, body)
        except UntrustedInput as error:
            raise HTTPException(400, str(error)) from error
        metrics.receipts.inc(len(answer.receipts))
        for one in answer.refused:
            metrics.refused.labels(one.reason.name).inc()
        request.scope[OFFENCE] = any(one.reason in _FOUND_BY_READING for one in answer.refused)
        return _cbor(encode_answer(answer))

    @app.get(KEYSET_PATH, response_class=Response)
    async def keyset(device: Annotated[str, Depends(_device)]) -> Response:
        raw = await asyncio.to_thread(intake.keyset, device)
        if raw is None:
            raise HTTPException(404, "There is no keyset for this device yet.")
        return _cbor(raw)

    return app


def people_app(database: Database, metrics: Metrics, body_s: float, pages: APIRouter) -> FastAPI:
    """The port of the controller, of Prometheus and of people with a browser, whose `pages` are a router."""
    app = make_app("safecount collector: people", body_s)
    app.include_router(pages)
    registry = Registry(database)

    async def bearer(request: Request, kind: str) -> Bearer:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        found = await asyncio.to_thread(registry.find_bearer, secret, utc_now_s(), kind)
        if scheme != "Bearer" or found is None:
            raise HTTPException(401, "A token that holds is needed.", {"WWW-Authenticate": "Bearer"})
        return found

    async def puller(request: Request) -> Bearer:
        return await bearer(request, PULL)

    @app.get("/metrics", response_class=Response)
    async def read_metrics(request: Request) -> Response:
        await bearer(request, METRICS)
        text = await asyncio.to_thread(metrics.text, database, utc_now_s())
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @app.get(DEVICES_PATH, response_class=Response)
    async def devices(
        who: Annotated[Bearer, Depends(puller)], after: Annotated[str, Query(max_length=DEVICE_MAX_BYTES)] = ""
    ) -> Response:
        return _cbor(encode_directory(await _read(database, lambda at: directory(at, who.tenant, after))))

    @app.get(PULL_PATH, response_class=Response)
    async def pull(
        who: Annotated[Bearer, Depends(puller)],
        device: Annotated[str, Query(max_length=DEVICE_MAX_BYTES)],
        epoch: Annotated[int, Query(ge=0, le=COUNTER_MAX)],
        after: Annotated[int, Query(ge=0, le=COUNTER_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> Response:
        found = await _read(database, lambda at: page(at, who.tenant, device, (epoch, after), limit))
        if found is None:
            raise HTTPException(404, "This token sees no such device.")
        return _cbor(encode_page(found))

    @app.put(KEYSET_PATH, response_class=Response, status_code=204, openapi_extra=body_of(CONTENT_TYPE))
    async def put_keyset(request: Request, who: Annotated[Bearer, Depends(puller)]) -> Response:
        body = await read_body(request, MAX_KEYSET_BYTES, CONTENT_TYPE)
        try:
            await asyncio.to_thread(registry.put_keyset, who.tenant, body, utc_now_s())
        except UntrustedInput as error:
            return Response(encode({1: int(error.reason)}), 409, media_type=CONTENT_TYPE)
        return Response(status_code=204)

    return app


async def _device(request: Request) -> str:
    name: str | None = request.scope[DEVICE]
    if name is None:
        raise HTTPException(403, "A device's certificate is needed.")
    return name


async def _read(database: Database, act: Callable[..., Result]) -> Result:
    def in_transaction() -> Result:
        with database.reading() as connection:
            return act(connection)

    return await asyncio.to_thread(in_transaction)


def _cbor(content: bytes) -> Response:
    return Response(content, media_type=CONTENT_TYPE)
