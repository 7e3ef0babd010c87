"""What every interface of the collector has in common: bounded bodies, bounded work, and answers without a trace.

Sizes are checked while a body comes in. What goes over the limits is told 503 and to come again.
"""

from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError

from safecount_ops.collector.database import DatabaseUnavailable

RETRY_AFTER_S = "30"
CLIENT_CERTIFICATE = "safecount.client_certificate"
"""Where the server puts the client's certificate (DER), which TLS has checked, into a request's scope."""


def make_app(title: str, requests: int) -> FastAPI:
    """An application that has at most `requests` in work at once."""
    room = _Room(requests)
    app = FastAPI(title=title, docs_url=None, redoc_url=None, dependencies=[Depends(room.enter)])

    @app.exception_handler(DatabaseUnavailable)
    async def unavailable(_request: Request, _error: Exception) -> Response:
        return Response(status_code=503, headers={"Retry-After": RETRY_AFTER_S})

    @app.exception_handler(RequestValidationError)
    async def no_parameters(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)

    return app


class _Room:
    """Counts the requests in work; one that finds no room is told to come again."""

    def __init__(self, requests: int) -> None:
        self._left = requests

    async def enter(self) -> AsyncIterator[None]:
        if self._left <= 0:
            raise HTTPException(503, headers={"Retry-After": RETRY_AFTER_S})
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


async def read_body(request: Request, limit: int, content_type: str | None = None) -> bytes:
    """The body, of at most `limit` bytes and of that content type, if one is named; HTTPException otherwise."""
    if content_type is not None and request.headers.get("Content-Type") != content_type:
        raise HTTPException(415, f"The content type must be {content_type}.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise HTTPException(413, f"At most {limit} bytes.")
    return bytes(body)
