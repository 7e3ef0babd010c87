"""Enrolment on the device port: EST (docs/formats.md), with the collector's own CA, registry and tokens behind it."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from safecount.wire.fleet import SITE_CODE_PATH
from safecount_ops.collector.authority import Authority
from safecount_ops.collector.gate import CLIENT_CERTIFICATE
from safecount_ops.collector.http import body_of, read_body
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.registry import DEFAULT_TENANT, Registry
from safecount_ops.enrolment.est import MAX_BODY_BYTES, PREFIX, EstRequest, EstServer
from safecount_ops.enrolment.tokens import Tokens


@dataclass(frozen=True, slots=True)
class RegistryAdmission:
    """Implements `est.Admission`: a device that a site code lets in belongs to the default tenant."""

    registry: Registry

    def admit(self, device: str, key: bytes) -> None:
        """Register a device that is new. One that was turned away stays so, whatever code it has."""
        known = self.registry.find_device(device)
        if known is None or (known.active and known.key != key):
            self.registry.add_device(device, DEFAULT_TENANT, key, utc_now_s())

    def is_admitted(self, device: str) -> bool:
        known = self.registry.find_device(device)
        return known is not None and known.active


def enrolment_router(authority: Authority, registry: Registry, tokens: Tokens) -> APIRouter:
    """The paths of EST. The server behind them sees to methods, certificates and tokens."""
    router = APIRouter()
    server = EstServer(authority, RegistryAdmission(registry), tokens)

    @router.post(
        SITE_CODE_PATH, response_class=Response, tags=["enrolment"], openapi_extra=body_of("application/pkcs10")
    )
    async def site_code(request: Request) -> Response:
        """The site code of a device that is on the fleet's list, which its certificate request with its statement shows."""
        body = await read_body(request, MAX_BODY_BYTES)
        answer = await asyncio.to_thread(server.answer_listed, body, utc_now_s())
        return Response(answer.body, answer.status, answer.headers)

    @router.get(PREFIX + "{operation}", response_class=Response, tags=["enrolment"])
    @router.post(
        PREFIX + "{operation}", response_class=Response, tags=["enrolment"], openapi_extra=body_of("application/pkcs10")
    )
    async def enrol(request: Request, operation: str) -> Response:
        """`cacerts` (GET), `simpleenroll` with a site code's token, `simplereenroll` with the certificate before."""
        asked = EstRequest(
            request.method,
            PREFIX + operation,
            await read_body(request, MAX_BODY_BYTES),
            request.headers.get("Authorization", ""),
            request.scope.get(CLIENT_CERTIFICATE),
        )
        answer = await asyncio.to_thread(server.answer, asked, utc_now_s())
        return Response(answer.body, answer.status, answer.headers)

    return router
