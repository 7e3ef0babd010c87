"""What a controller does at the people's port, with its token: it fetches its tenant's envelopes, and leaves keysets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from safecount.wire.encoding import encode
from safecount.wire.envelope import COUNTER_MAX
from safecount.wire.errors import UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES
from safecount.wire.pull import DEVICES_PATH, MAX_PAGE, PULL_PATH, encode_directory, encode_page
from safecount.wire.uplink import CONTENT_TYPE, KEYSET_PATH
from safecount.wire.values import DEVICE_MAX_BYTES
from safecount_ops.collector.database import Database
from safecount_ops.collector.fetching import directory, note_fetched, page
from safecount_ops.collector.http import body_of, cbor, read_body
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.registry import PULL, Bearer, Registry

Result = TypeVar("Result")


def bearer_of(kind: str, registry: Registry) -> Callable[[Request], Awaitable[Bearer]]:
    """A dependency: whom the token of a request lets in, if it is of that kind and holds; 401 otherwise."""

    async def bearer(request: Request) -> Bearer:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        found = await asyncio.to_thread(registry.find_bearer, secret, utc_now_s(), kind)
        if scheme != "Bearer" or found is None:
            raise HTTPException(401, "A token that holds is needed.", {"WWW-Authenticate": "Bearer"})
        return found

    return bearer


def pull_router(database: Database) -> APIRouter:
    """The paths of the pull API (docs/formats.md)."""
    router, registry = APIRouter(), Registry(database)
    puller = bearer_of(PULL, registry)

    @router.get(DEVICES_PATH, response_class=Response)
    async def devices(
        who: Annotated[Bearer, Depends(puller)], after: Annotated[str, Query(max_length=DEVICE_MAX_BYTES)] = ""
    ) -> Response:
        return cbor(encode_directory(await _read(database, lambda at: directory(at, who.tenant, after))))

    @router.get(PULL_PATH, response_class=Response)
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
        if after:
            await asyncio.to_thread(note_fetched, database, who.tenant, device, epoch, after)
        return cbor(encode_page(found))

    @router.put(KEYSET_PATH, response_class=Response, status_code=204, openapi_extra=body_of(CONTENT_TYPE))
    async def put_keyset(request: Request, who: Annotated[Bearer, Depends(puller)]) -> Response:
        body = await read_body(request, MAX_KEYSET_BYTES, CONTENT_TYPE)
        try:
            await asyncio.to_thread(registry.put_keyset, who.tenant, body, utc_now_s())
        except UntrustedInput as error:
            return Response(encode({1: int(error.reason)}), 409, media_type=CONTENT_TYPE)
        return Response(status_code=204)

    return router


async def _read(database: Database, act: Callable[..., Result]) -> Result:
    def in_transaction() -> Result:
        with database.reading() as connection:
            return act(connection)

    return await asyncio.to_thread(in_transaction)
