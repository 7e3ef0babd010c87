"""The two HTTP interfaces: `device_app` for devices with a certificate, `people_app` for controllers, Prometheus and people."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH, KEYSET_PATH, MAX_BATCH_BYTES, encode_answer
from safecount_ops.collector.database import Database
from safecount_ops.collector.gate import DEVICE, OFFENCE
from safecount_ops.collector.http import body_of, cbor, make_app, read_body
from safecount_ops.collector.intake import Intake, utc_now_s
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.pulling import bearer_of, pull_router
from safecount_ops.collector.registry import METRICS, Registry
from safecount_ops.collector.security_txt import security_router
from safecount_ops.collector.settings import SecurityTxt

NO_CONTACT = SecurityTxt()
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
        return cbor(encode_answer(answer))

    @app.get(KEYSET_PATH, response_class=Response)
    async def keyset(device: Annotated[str, Depends(_device)]) -> Response:
        raw = await asyncio.to_thread(intake.keyset, device)
        if raw is None:
            raise HTTPException(404, "There is no keyset for this device yet.")
        return cbor(raw)

    return app


def people_app(
    database: Database, metrics: Metrics, body_s: float, pages: APIRouter, security: SecurityTxt = NO_CONTACT
) -> FastAPI:
    """The port of the controller, of Prometheus and of people with a browser, whose `pages` are a router."""
    app = make_app("safecount collector: people", body_s)
    app.include_router(pages)
    app.include_router(pull_router(database))
    app.include_router(security_router(security))
    reads_metrics = bearer_of(METRICS, Registry(database))

    @app.get("/metrics", response_class=Response, dependencies=[Depends(reads_metrics)])
    async def read_metrics() -> Response:
        text = await asyncio.to_thread(metrics.text, database, utc_now_s())
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return app


async def _device(request: Request) -> str:
    name: str | None = request.scope[DEVICE]
    if name is None:
        raise HTTPException(403, "A device's certificate is needed.")
    return name
