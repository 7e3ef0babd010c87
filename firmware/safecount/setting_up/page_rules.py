"""Which HTTP requests the page's server listens to at all: those that its own page sends, to its own address. Pure.

The token travels in a header that no other page can set, never in a cookie; so a page of somebody else, open in the same
browser, can neither read nor do anything. Host and Origin are checked besides (DNS rebinding).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MAX_HEADERS = 40
BEARER = "Bearer "


class Refused(Enum):
    """Why a request is not listened to: status and sentence."""

    HOST = (421, "The page is to be had under its own address only.")
    ORIGIN = (403, "Only this device's own page may ask.")
    METHOD = (405, "There is GET and POST.")
    FORM = (415, "What is sent must be application/json.")
    TOO_MANY_HEADERS = (431, "The request has more headers than any browser sends.")
    DOUBLE = (400, "A header that decides comes twice.")


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. `headers` in lower case, in their order."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]


_DECIDING = frozenset({"host", "origin", "authorization", "content-type", "content-length", "sec-fetch-site"})


def judge(head: Head, host: str) -> Refused | None:
    """Why the request is not listened to; None if it is. `host` is "address:port" as a browser writes it."""
    if len(head.headers) > MAX_HEADERS:
        return Refused.TOO_MANY_HEADERS
    deciding = [name for name, _ in head.headers if name in _DECIDING]
    if len(deciding) != len(set(deciding)):
        return Refused.DOUBLE
    return _judge_fields(head.method, dict(head.headers), host)


def _judge_fields(method: str, fields: Mapping[str, str], host: str) -> Refused | None:
    if fields.get("host", "").lower() != host:
        return Refused.HOST
    if method not in {"GET", "POST"}:
        return Refused.METHOD
    if _from_elsewhere(method, fields, host):
        return Refused.ORIGIN
    if method == "POST" and fields.get("content-type", "").partition(";")[0].strip() != "application/json":
        return Refused.FORM
    return None


def _from_elsewhere(method: str, fields: Mapping[str, str], host: str) -> bool:
    """A browser says with every POST where it comes from, and with every request whether that is the same site."""
    origin = fields.get("origin")
    elsewhere = method == "POST" if origin is None else origin.lower() != f"http://{host}"
    return elsewhere or fields.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def token_in(head: Head) -> str:
    """The token that the request shows; "" for none."""
    value = dict(head.headers).get("authorization", "")
    return value.removeprefix(BEARER) if value.startswith(BEARER) else ""
