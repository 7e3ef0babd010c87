"""What every interface of the collector has in common: bounded bodies, and answers without a trace.

A body is bounded in size and in time while it comes in.
"""

import asyncio
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError

from safecount.wire.uplink import CONTENT_TYPE
from safecount_ops.collector.database import DatabaseUnavailable

RETRY_AFTER_S = "30"
UNAVAILABLE = "The collector's database takes nothing now, and nothing was changed. Its log says what is wrong.\n"
ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "A parameter, or the body, is none."},
    401: {"description": "A token, or name, password and code, that do not hold."},
    403: {"description": "A certificate, session, role or form key is missing."},
    404: {"description": "There is none that the asking one may see."},
    408: {"description": "The body took too long."},
    409: {"description": "It cannot be done as things are."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is of another content type."},
    429: {"description": "Too much: come again after the seconds in Retry-After. Nothing was looked at."},
    503: {"description": "The database does not answer: come again. Nothing was stored."},
}
"""What any request may be answered, beside what it asked for."""


def body_of(content_type: str) -> dict[str, Any]:
    """What an operation that reads its body itself tells of it in the OpenAPI document."""
    return {"requestBody": {"required": True, "content": {content_type: {"schema": {"type": "string"}}}}}


def cbor(content: bytes) -> Response:
    """An answer in CBOR."""
    return Response(content, media_type=CONTENT_TYPE)


def make_app(title: str, body_s: float) -> FastAPI:
    """An application whose requests' bodies may take `body_s` seconds."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, responses=ANSWERS)
    app.state.body_s = body_s

    @app.exception_handler(DatabaseUnavailable)
    async def unavailable(_request: Request, _error: Exception) -> Response:
        return Response(UNAVAILABLE, 503, {"Retry-After": RETRY_AFTER_S}, media_type="text/plain")

    @app.exception_handler(RequestValidationError)
    async def no_parameters(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)

    return app


async def read_body(request: Request, limit: int, content_type: str | None = None) -> bytes:
    """The body, of at most `limit` bytes and of that content type, if one is named; HTTPException otherwise."""
    if content_type is not None and request.headers.get("Content-Type") != content_type:
        raise HTTPException(415, f"The content type must be {content_type}.")
    body = bytearray()
    try:
        async with asyncio.timeout(request.app.state.body_s):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise HTTPException(413, f"At most {limit} bytes.")
    except TimeoutError as error:
        raise HTTPException(408, "The body took too long.", {"Connection": "close"}) from error
    return bytes(body)
