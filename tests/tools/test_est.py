"""The EST server's answers to hostile requests; its good ones are in tests/journeys/test_enrolment.py."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount_ops.enrolment.est import MAX_BODY_BYTES, PREFIX, EstRequest, EstServer
from simulators.bare_collector import bare_collector
from simulators.est_collector import DeviceCa
from simulators.tls import Authority

BASIC = "Basic " + base64.b64encode(b"device:" + b"00" * 16).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> EstServer:
    folder = tmp_path_factory.mktemp("est")
    ca = DeviceCa(Authority(folder))
    return EstServer(ca, ca, bare_collector(folder))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (EstRequest("GET", PREFIX + "csrattrs"), 404),
        (EstRequest("PUT", PREFIX + "simpleenroll"), 404),
        (EstRequest("POST", PREFIX + "simpleenroll"), 401),
        (EstRequest("POST", PREFIX + "simpleenroll", authorization="Bearer x"), 401),
        (EstRequest("POST", PREFIX + "simpleenroll", authorization="Basic !"), 401),
        (EstRequest("POST", PREFIX + "simpleenroll", authorization="Basic " + "A" * 400), 401),
        (EstRequest("POST", PREFIX + "simpleenroll", b"AAAA", BASIC), 400),
        (EstRequest("POST", PREFIX + "simpleenroll", b"A" * (MAX_BODY_BYTES + 1), BASIC), 413),
        (EstRequest("POST", PREFIX + "simplereenroll", b"AAAA"), 403),
    ],
)
def test_what_is_not_a_devices_request_is_refused(server: EstServer, request_: EstRequest, status: int) -> None:
    assert server.answer(request_, 0).status == status


@given(st.binary(max_size=600), st.text(max_size=80))
def test_any_bytes_are_refused(server: EstServer, body: bytes, authorization: str) -> None:
    for given_body in (body, base64.b64encode(body)):
        for word in (authorization, BASIC):
            assert 400 <= server.answer(EstRequest("POST", PREFIX + "simpleenroll", given_body, word), 0).status < 500
