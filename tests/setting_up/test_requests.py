"""What the page may ask, and what nobody may."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.setting_up.page_rules import Head, Refused, judge, token_in
from safecount.setting_up.requests import (
    MAX_BODY_BYTES,
    BadRequest,
    Do,
    Draft,
    Enter,
    Look,
    Press,
    ShowLess,
    parse_request,
)
from safecount.wire.code_line import CodeLine, Side
from safecount.wire.scene import SilhouetteLevel

HOST = "10.55.0.1:8080"
LINE = {"door": " north ", "start": [0, 500], "end": [1000, 500], "in_side": "down"}


def post(name: str, fields: object) -> object:
    return parse_request("POST", f"/api/{name}", json.dumps(fields).encode())


def test_every_request_of_the_page_is_understood() -> None:
    assert post("enter", {"code": "abcd-efgh"}) == Enter("abcd-efgh")
    assert parse_request("GET", "/api/look?after=7", b"") == Look(7)
    assert post("lines", {"lines": [LINE]}) == Draft((CodeLine("north", (0, 500), (1000, 500), Side.DOWN),))
    assert post("level", {"level": 3}) == ShowLess(SilhouetteLevel.SCENE)
    assert post("press", {"line": 1, "inward": False}) == Press(1, inward=False)
    assert {post("do", {"what": what.value}) for what in Do} == set(Do)


BAD: list[tuple[str, object]] = [
    ("enter", {"code": ""}),
    ("enter", {"code": "a" * 33}),
    ("enter", {"code": 5}),
    ("enter", {"code": "\ud800"}),
    ("enter", ["code"]),
    ("lines", {"lines": [LINE] * 5}),
    ("lines", {"lines": [LINE | {"door": "  "}]}),
    ("lines", {"lines": [LINE | {"door": "a\nb"}]}),
    ("lines", {"lines": [LINE | {"door": "ü" * 40}]}),
    ("lines", {"lines": [LINE | {"end": [0, 500]}]}),
    ("lines", {"lines": [LINE | {"end": [0, 1001]}]}),
    ("lines", {"lines": [LINE | {"end": [0, 0.5]}]}),
    ("lines", {"lines": [LINE | {"end": [0, True]}]}),
    ("lines", {"lines": [LINE | {"in_side": "north"}]}),
    ("lines", {"lines": [LINE | {"in_side": ["down"]}]}),
    ("lines", {"lines": [LINE | {"more": 1}]}),
    ("level", {"level": 0}),
    ("level", {"level": 5}),
    ("press", {"line": 4, "inward": True}),
    ("press", {"line": 0, "inward": 1}),
    ("do", {"what": "format"}),
    ("do", {"what": {}}),
    ("save", {}),
]


@pytest.mark.parametrize(("name", "fields"), BAD)
def test_anything_else_is_no_request(name: str, fields: object) -> None:
    with pytest.raises(BadRequest):
        post(name, fields)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 2000, b'{"code": NaN}', b" " * (MAX_BODY_BYTES + 1)])
def test_what_is_no_json_or_too_much_is_no_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request("POST", "/api/enter", body)


@pytest.mark.parametrize(
    "target",
    ["/api/look", "/api/look?after=", "/api/look?after=-1", "/api/look?after=99999999999", "/api/look?after=²"],
)
def test_a_look_names_a_scene(target: str) -> None:
    with pytest.raises(BadRequest):
        parse_request("GET", target, b"")


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text(max_size=200), st.binary(max_size=3000))
def test_no_bytes_break_the_parser(method: str, target: str, body: bytes) -> None:
    for name in (target, f"/api/{target}", "/api/lines", "/api/do"):
        with suppress(BadRequest):
            parse_request(method, name, body)


def head(method: str = "POST", **fields: str) -> Head:
    headers = {"host": HOST, "origin": f"http://{HOST}", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    return Head(method, "/api/do", tuple((name, value) for name, value in headers.items() if value))


def test_the_pages_own_requests_are_listened_to() -> None:
    assert judge(head(), HOST) is None
    assert judge(head("GET", origin="", content_type=""), HOST) is None
    assert judge(head(sec_fetch_site="same-origin"), HOST) is None


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (head(host="evil.example"), Refused.HOST),
        (head(host=""), Refused.HOST),
        (head(origin="http://evil.example"), Refused.ORIGIN),
        (head(origin="null"), Refused.ORIGIN),
        (head(origin=""), Refused.ORIGIN),
        (head(origin=f"https://{HOST}"), Refused.ORIGIN),
        (head("GET", origin="http://evil.example"), Refused.ORIGIN),
        (head("GET", origin="", sec_fetch_site="cross-site"), Refused.ORIGIN),
        (head(sec_fetch_site="same-site"), Refused.ORIGIN),
        (head("DELETE"), Refused.METHOD),
        (head("OPTIONS"), Refused.METHOD),
        (head(content_type="text/plain"), Refused.FORM),
        (head(content_type=""), Refused.FORM),
        (Head("GET", "/", (("host", HOST), ("host", "evil.example"))), Refused.DOUBLE),
        (Head("GET", "/", (("host", HOST),) + (("x", "y"),) * 40), Refused.TOO_MANY_HEADERS),
    ],
)
def test_another_pages_requests_are_not(given: Head, refused: Refused) -> None:
    assert judge(given, HOST) is refused


def test_the_token_is_that_of_the_header() -> None:
    assert token_in(head(authorization="Bearer abc")) == "abc"
    assert token_in(head(authorization="Basic abc")) == ""
    assert token_in(head()) == ""
