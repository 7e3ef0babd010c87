"""What every interface of the collector has in common: bounded bodies, and answers without a trace.

A body is bounded in size and in time while it comes in.
"""

import asyncio

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError

from safecount_ops.collector.database import DatabaseUnavailable

RETRY_AFTER_S = "30"


def make_app(title: str, body_s: float) -> FastAPI:
    """An application whose requests' bodies may take `body_s` seconds."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.body_s = body_s

    @app.exception_handler(DatabaseUnavailable)
    async def unavailable(_request: Request, _error: Exception) -> Response:
        return Response(status_code=503, headers={"Retry-After": RETRY_AFTER_S})

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
