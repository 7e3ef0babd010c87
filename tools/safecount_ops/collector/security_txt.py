"""Whom to tell of a weakness: `/.well-known/security.txt` (RFC 9116), as the operator has set it."""

from fastapi import APIRouter, HTTPException, Response

from safecount_ops.collector.settings import SecurityTxt

PATH = "/.well-known/security.txt"


def security_txt(settings: SecurityTxt) -> str:
    """The file's text; a field that is not set is left out."""
    fields = {
        "Contact": settings.contact,
        "Expires": f"{settings.expires}T00:00:00Z",
        "Preferred-Languages": settings.languages,
        "Canonical": settings.canonical,
        "Policy": settings.policy,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def security_router(settings: SecurityTxt) -> APIRouter:
    """The path, for everybody; 404 where no contact is set."""
    router = APIRouter()

    @router.get(PATH, response_class=Response)
    async def read() -> Response:
        if not settings.contact:
            raise HTTPException(404, "No contact is set here.")
        return Response(security_txt(settings), media_type="text/plain; charset=utf-8")

    return router
