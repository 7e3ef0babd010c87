"""The people's pages: devices, one device, who is excluded, the audit log. Plain HTML that needs no script.

Every form brings the key of its session; a session is a cookie that no script and no other site can use.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from importlib import resources
from typing import Annotated, TypeVar
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection

from safecount.errors import UsageError
from safecount.wire.values import DEVICE_MAX_BYTES
from safecount_ops.collector import audit, fleet, rollout
from safecount_ops.collector.database import Database
from safecount_ops.collector.http import body_of, read_body
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.limits import Exclusions
from safecount_ops.collector.people import People, Person, Right
from safecount_ops.collector.registry import Registry

COOKIE = "__Host-safecount"
STATES = ("held", "silent", "trouble", "new", "well", "off")
_MAX_FORM_BYTES = 4096
_FORM = "application/x-www-form-urlencoded"
_LOG_IN_TAKES_S = 1.0
"""At least: how long an answer took then tells nothing of what was wrong."""
_ENTRIES = 100
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Result = TypeVar("Result")


class Pages:
    """Renders what `pages_router` answers with."""

    def __init__(self, database: Database, people: People, exclusions: Exclusions) -> None:
        self.database = database
        self.people = people
        self.exclusions = exclusions
        self.registry = Registry(database)
        self._templates = Environment(
            loader=PackageLoader("safecount_ops.collector", "pages"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters["when"] = _when
        self._templates.filters["lasting"] = fleet.in_words
        self._templates.filters["path"] = lambda name: quote(name, safe="")

    def render(self, name: str, person: Person | None, status: int = 200, **more: object) -> Response:
        common = {"person": person, "now_s": utc_now_s(), "Right": Right, "trouble": self.database.trouble}
        text = self._templates.get_template(name).render(**common, **more)
        return Response(text, status, _HEADERS, media_type="text/html; charset=utf-8")

    async def read(self, act: Callable[[Connection], Result]) -> Result:
        def in_transaction() -> Result:
            with self.database.reading() as connection:
                return act(connection)

        return await asyncio.to_thread(in_transaction)


def pages_router(pages: Pages) -> APIRouter:
    """The pages, each with the right that it needs."""
    router = APIRouter(
        tags=["people"], default_response_class=Response, responses={303: {"description": "To another page."}}
    )
    _add_sessions(router, pages)
    _add_devices(router, pages)
    _add_changes(router, pages)
    _add_oversight(router, pages)
    return router


def _add_sessions(router: APIRouter, pages: Pages) -> None:
    style = resources.files("safecount_ops.collector").joinpath("pages/page.css").read_bytes()
    see = Depends(_needs(pages, Right.SEE))

    @router.get("/page.css")
    async def css() -> Response:
        return Response(
            style, media_type="text/css", headers={"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
        )

    @router.get("/login")
    async def login_form() -> Response:
        return pages.render("login.html", None, failed=False)

    @router.post("/login", openapi_extra=body_of(_FORM), status_code=303)
    async def log_in(request: Request) -> Response:
        began_s = time.monotonic()
        form = await _form(request)
        given = (form.get("name", ""), form.get("password", ""), form.get("code", "").replace(" ", ""))
        cookie = await asyncio.to_thread(pages.people.log_in, *given, utc_now_s())
        await asyncio.sleep(max(0.0, began_s + _LOG_IN_TAKES_S - time.monotonic()))
        if cookie is None:
            return pages.render("login.html", None, 401, failed=True)
        return _to("/", {"Set-Cookie": f"{COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Strict"})

    @router.post("/logout", openapi_extra=body_of(_FORM), status_code=303)
    async def log_out(request: Request, person: Annotated[Person, see]) -> Response:
        await _checked_form(request, person)
        await asyncio.to_thread(pages.people.log_out, request.cookies.get(COOKIE, ""))
        return _to("/login", {"Set-Cookie": f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"})


def _add_devices(router: APIRouter, pages: Pages) -> None:
    see = Depends(_needs(pages, Right.SEE))

    @router.get("/")
    async def devices(
        person: Annotated[Person, see],
        after: Annotated[str, Query(max_length=DEVICE_MAX_BYTES)] = "",
        state: Annotated[str, Query(pattern="^(" + "|".join(STATES) + ")?$")] = "",
    ) -> Response:
        now_s = utc_now_s()
        totals = await pages.read(lambda at: fleet.totals(at, person.tenant, now_s))
        rows, more = await pages.read(lambda at: fleet.standings(at, person.tenant, now_s, after, state))
        counted = [(name, totals.states.get(name, 0)) for name in STATES]
        bar = fleet.shares(counted, 1000)
        stopped = await pages.read(lambda at: rollout.stops(at, person.tenant))
        return pages.render(
            "devices.html",
            person,
            totals=totals,
            rows=rows,
            more=more,
            state=state,
            states=counted,
            bar=bar,
            stopped=stopped,
        )

    @router.get("/devices/{name}")
    async def device(name: str, person: Annotated[Person, see]) -> Response:
        now_s = utc_now_s()
        one = await pages.read(lambda at: fleet.standing(at, person.tenant, now_s, name))
        if one is None:
            raise HTTPException(404, "There is no such device.")
        details = await pages.read(lambda at: fleet.details(at, name, now_s))
        most = max([count for _, count in details.days] + [1])
        return pages.render("device.html", person, one=one, details=details, most=most)


def _add_changes(router: APIRouter, pages: Pages) -> None:
    change = Depends(_needs(pages, Right.CHANGE))

    @router.post("/devices/{name}/release", openapi_extra=body_of(_FORM), status_code=303)
    async def release(request: Request, name: str, person: Annotated[Person, change]) -> Response:
        await _checked_form(request, person)
        await _for_device(pages, person, name, lambda: pages.registry.release(name, utc_now_s(), person.name))
        return _to(f"/devices/{quote(name, safe='')}")

    @router.post("/devices/{name}/active", openapi_extra=body_of(_FORM), status_code=303)
    async def set_active(request: Request, name: str, person: Annotated[Person, change]) -> Response:
        wish = (await _checked_form(request, person)).get("active")
        if wish not in {"yes", "no"}:
            raise HTTPException(400, "active must be yes or no.")
        act = lambda: pages.registry.set_active(name, utc_now_s(), person.name, active=wish == "yes")  # noqa: E731
        await _for_device(pages, person, name, act)
        return _to(f"/devices/{quote(name, safe='')}")


def _add_oversight(router: APIRouter, pages: Pages) -> None:
    look, change = Depends(_needs(pages, Right.AUDIT)), Depends(_needs(pages, Right.CHANGE))

    @router.get("/excluded")
    async def excluded(person: Annotated[Person, look]) -> Response:
        _sees_all(person)
        rows = await asyncio.to_thread(pages.exclusions.all, utc_now_s())
        return pages.render("excluded.html", person, rows=rows)

    @router.post("/excluded/readmit", openapi_extra=body_of(_FORM), status_code=303)
    async def readmit(request: Request, person: Annotated[Person, change]) -> Response:
        _sees_all(person)
        subject = (await _checked_form(request, person)).get("subject", "")
        try:
            await asyncio.to_thread(pages.exclusions.readmit, subject, utc_now_s(), person.name)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        return _to("/excluded")

    @router.get("/audit")
    async def audit_log(
        person: Annotated[Person, look], before: Annotated[int | None, Query(ge=1, le=2**53)] = None
    ) -> Response:
        rows = await pages.read(lambda at: audit.newest(at, person.tenant, _ENTRIES, before))
        return pages.render("audit.html", person, rows=rows, more=len(rows) == _ENTRIES)


def _needs(pages: Pages, right: Right) -> Callable[[Request], object]:
    async def person(request: Request) -> Person:
        cookie = request.cookies.get(COOKIE, "")
        found = await asyncio.to_thread(pages.people.find, cookie, utc_now_s()) if cookie else None
        if found is None:
            if request.method == "GET":
                raise HTTPException(303, headers={"Location": "/login"})
            raise HTTPException(403, "Log in first.")
        if not found.may(right):
            raise HTTPException(403, "Your role does not let you do this.")
        return found

    return person


async def _for_device(pages: Pages, person: Person, name: str, act: Callable[[], None]) -> None:
    if await pages.read(lambda at: fleet.standing(at, person.tenant, utc_now_s(), name)) is None:
        raise HTTPException(404, "There is no such device.")
    try:
        await asyncio.to_thread(act)
    except UsageError as error:
        raise HTTPException(409, str(error)) from error


def _sees_all(person: Person) -> None:
    if person.tenant is not None:
        raise HTTPException(403, "This is for people of the whole collector.")


async def _form(request: Request) -> dict[str, str]:
    """The first value of each field of a form that our own page has sent."""
    body = await read_body(request, _MAX_FORM_BYTES, _FORM)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise HTTPException(403, "A form of another site is not taken.")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError as error:
        raise HTTPException(400, "This is no form.") from error
    return {name: values[0] for name, values in fields.items()}


async def _checked_form(request: Request, person: Person) -> dict[str, str]:
    form = await _form(request)
    if form.get("key", "") != person.form_key:
        raise HTTPException(403, "The form is of another session: load the page again.")
    return form


def _to(path: str, headers: dict[str, str] | None = None) -> Response:
    return Response(status_code=303, headers={"Location": path, "Cache-Control": "no-store", **(headers or {})})


def _when(at_s: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_s, dt.UTC):%Y-%m-%d %H:%M} UTC"
