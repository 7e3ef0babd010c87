"""People at the real process: PAM, one-time codes, lock-out, sessions, forms; and who may do what with whose devices."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from safecount.edges.https import HttpsTransport
from safecount_ops.collector.database import Database
from safecount_ops.collector.limits import Exclusions
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.pages import Pages, pages_router
from safecount_ops.collector.people import ATTEMPTS, IDLE_S, People, Role
from safecount_ops.collector.registry import METRICS, Registry
from safecount_ops.collector.web import people_app
from simulators.chains import health_chain
from simulators.device import KEYSET
from simulators.pam import pam_environment
from simulators.people import COOKIE, PASSWORDS, Visitor, add_person
from simulators.running_collector import RunningCollector, collector_command, running_collector

NOW_S = 1_800_000_000


@dataclass
class House:
    """A collector with two tenants, a device of each, and people of every kind."""

    collector: RunningCollector
    people: dict[str, Visitor]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("people")
    with running_collector(
        folder / "c", "[limits]\noffences = 5000\n", pam_environment(folder, PASSWORDS)
    ) as collector:
        database = Database(collector.folder / "collector.db")
        registry = Registry(database)
        registry.add_tenant("theirs", None, NOW_S)
        collector.add_device("ours-1")
        collector.add_device("theirs-1", tenant="theirs")
        known = People(database, lambda _name, _password: False)
        visitors = {"administrator": add_person(collector, "adam", "administrator")}
        for who, name, role, tenant in (
            ("operator", "olga", Role.OPERATOR, None),
            ("auditor", "audrey", Role.AUDITOR, None),
            ("their administrator", "other", Role.ADMINISTRATOR, "theirs"),
        ):
            visitors[who] = Visitor(collector, name, known.add(name, role, tenant, NOW_S, "test"))
        for one in visitors.values():
            assert one.log_in().status_code == 303
        visitors["nobody"] = Visitor(collector, "nobody")
        now_s = int(time.time())
        tokens = {
            "token": registry.add_token("a", "default", now_s),
            "their token": registry.add_token("b", "theirs", now_s),
            "metrics token": registry.add_token("c", "default", now_s, kind=METRICS),
        }
        database.close()
        yield House(collector, visitors, tokens)


def test_a_session_begins_with_password_and_code_and_ends_with_the_log_out(house: House) -> None:
    olga = Visitor(house.collector, "olga", house.people["operator"].secret, _last_step=int(time.time()) // 30)
    answer = olga.log_in()
    assert answer.status_code == 303
    said = answer.headers["Set-Cookie"]
    assert all(word in said for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    assert "ours-1" in olga.get("/").text
    assert olga.post("/logout", {"key": "of another"}).status_code == 403
    assert olga.post("/logout", {"key": olga.form_key()}).status_code == 303
    assert olga.get("/").headers["Location"] == "/login"


def test_the_answer_does_not_tell_what_was_wrong(house: House) -> None:
    audrey = Visitor(house.collector, "audrey", house.people["auditor"].secret)
    wrong = [
        audrey.log_in(password="wrong"),
        audrey.log_in(code="000000"),
        Visitor(house.collector, "stranger").log_in("x", "123456"),
    ]
    assert {(one.status_code, one.text) for one in wrong} == {(401, wrong[0].text)}
    assert all(one.elapsed.total_seconds() > 0.9 for one in wrong)


def test_a_form_of_another_site_is_not_taken(house: House) -> None:
    adam = house.people["administrator"]
    answer = adam.post("/devices/ours-1/active", {"key": adam.form_key(), "active": "no"}, Sec_Fetch_Site="cross-site")
    assert answer.status_code == 403


def test_pages_carry_a_strict_policy_and_no_script(house: House) -> None:
    for path in ("/", "/devices/ours-1", "/excluded", "/audit", "/login"):
        answer = house.people["administrator"].get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in answer.text
        assert "style=" not in answer.text


ALL = {"operator", "auditor", "administrator", "their administrator"}
LOOKING, CHANGING = ALL - {"operator"}, {"administrator", "their administrator"}
OF_ALL = {"auditor", "administrator"}
MATRIX: dict[tuple[str, str], set[str]] = {
    ("GET", "/page.css"): {*ALL, "nobody"},
    ("GET", "/login"): {*ALL, "nobody"},
    ("GET", "/"): ALL,
    ("GET", "/devices/ours-1"): {"operator", "auditor", "administrator"},
    ("GET", "/devices/theirs-1"): ALL,
    ("POST", "/devices/ours-1/release"): {"administrator"},
    ("POST", "/devices/theirs-1/release"): CHANGING,
    ("POST", "/devices/ours-1/active"): {"administrator"},
    ("POST", "/devices/theirs-1/active"): CHANGING,
    ("GET", "/excluded"): OF_ALL,
    ("POST", "/excluded/readmit"): {"administrator"},
    ("GET", "/audit"): LOOKING,
    ("GET", "/metrics"): {"metrics token"},
    ("GET", "/.well-known/security.txt"): {*ALL, "nobody"},
    ("GET", "/v1/pull/devices"): {"token", "their token"},
    ("GET", "/v1/pull?device=ours-1&epoch=1"): {"token"},
    ("GET", "/v1/pull?device=theirs-1&epoch=1"): {"their token"},
    ("PUT", "/v1/keyset"): {"token", "their token"},
}
TESTED_ABOVE = {("POST", "/login"), ("POST", "/logout")}
LET_IN = {200, 204, 404, 409}
"""404 and 409: what there is to change is judged after who wants to."""


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_everybody_gets_what_the_matrix_says_and_nothing_else(house: House, method: str, path: str) -> None:
    allowed = set()
    for who, one in house.people.items():
        key = one.form_key()
        form = {"key": key, "active": "yes", "subject": "device:none"}
        answer = one.get(path) if method == "GET" else one.post(path, form) if method == "POST" else put(house, "")
        foreign = answer.status_code == 404 and "/devices/" in path
        if (answer.status_code in LET_IN and not foreign) or answer.headers.get("Location", "").startswith("/devices"):
            allowed.add(who)
        if path == "/":
            assert ("ours-1" in answer.text) == (who in {"operator", "auditor", "administrator"})
    for who, token in house.tokens.items():
        bearer = {"Authorization": f"Bearer {token}"}
        answer = put(house, token) if method == "PUT" else requests.request(
            method, house.collector.pull_url + path, headers=bearer, verify=str(house.collector.ca_file), timeout=10,
            allow_redirects=False,
        )  # fmt: skip
        foreign = answer.status_code == 404 and "device=" in path
        if (
            answer.status_code in LET_IN
            and not foreign
            and path not in {"/login", "/page.css", "/.well-known/security.txt"}
        ):
            allowed.add(who)
    assert allowed == MATRIX[method, path]


def put(house: House, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cbor"}
    at = house.collector.pull_url + "/v1/keyset"
    return requests.put(at, b"x", headers=headers, verify=str(house.collector.ca_file), timeout=10)


def test_the_matrix_leaves_no_path_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    pages = pages_router(Pages(database, People(database, lambda _n, _p: False), Exclusions(database)))
    offered = {
        (method.upper(), path)
        for path, methods in people_app(database, Metrics(), 1, pages).openapi()["paths"].items()
        for method in methods
    }
    database.close()
    told = {(method, path.split("?")[0]) for method, path in MATRIX} | TESTED_ABOVE
    named = {(method, path.replace("ours-1", "{name}").replace("theirs-1", "{name}")) for method, path in told}
    assert named == offered


def test_a_held_device_is_let_go_on_at_the_page(house: House) -> None:
    device, adam = house.collector.add_device("held-1"), house.people["administrator"]
    transport = HttpsTransport(device)
    transport.send(health_chain("held-1", 2, KEYSET, epoch=3))
    transport.send(health_chain("held-1", 1, KEYSET, epoch=2))
    assert "an envelope of an epoch that was over" in adam.get("/devices/held-1").text
    assert "Let it go on" not in house.people["operator"].get("/devices/held-1").text
    assert adam.post("/devices/held-1/release", {"key": adam.form_key()}).status_code == 303
    assert "Held since" not in adam.get("/devices/held-1").text
    transport.send(health_chain("held-1", 3, KEYSET, epoch=3))
    transport.close()
    assert "adam" in house.people["auditor"].get("/audit").text
    assert "release" in collector_command("audit", house.collector.folder)
    assert "held-1" not in house.people["their administrator"].get("/audit").text


def test_names_from_outside_are_only_text(house: House) -> None:
    assert house.people["administrator"].get("/devices/%3Cscript%3E").status_code == 404
    assert house.people["administrator"].get("/?after=%3Cscript%3E").status_code == 200
    assert house.people["administrator"].get("/?state=%3Cscript%3E").status_code == 400
    assert "<script" not in house.people["administrator"].get("/?after=%3Cscript%3E").text


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    database = Database(tmp_path / "p.db")
    database.create()
    yield People(database, lambda _name, password: password == "right")
    database.close()


def code(secret: str, at_s: int) -> str:
    import pyotp  # noqa: PLC0415

    return str(pyotp.TOTP(secret).at(at_s))


def test_too_many_attempts_lock_even_who_then_has_it_right(people: People) -> None:
    secret = people.add("ann", Role.OPERATOR, None, NOW_S, "me")
    for _ in range(ATTEMPTS):
        assert people.log_in("ann", "wrong", code(secret, NOW_S), NOW_S) is None
    assert people.log_in("ann", "right", code(secret, NOW_S), NOW_S) is None
    later = NOW_S + 900
    assert people.log_in("ann", "right", code(secret, later), later)
    for _ in range(ATTEMPTS):
        people.log_in("ann", "wrong", "", later)
    people.unlock("ann", later, "me")
    assert people.log_in("ann", "right", code(secret, later + 60), later + 60)


def test_a_code_is_good_once_and_not_for_long(people: People) -> None:
    secret = people.add("ann", Role.OPERATOR, None, NOW_S, "me")
    said = code(secret, NOW_S)
    assert people.log_in("ann", "right", said, NOW_S + 29)
    assert people.log_in("ann", "right", said, NOW_S + 29) is None
    assert people.log_in("ann", "right", code(secret, NOW_S + 120), NOW_S + 200) is None


def test_sessions_end_idle_and_with_their_person(people: People) -> None:
    secret = people.add("ann", Role.OPERATOR, None, NOW_S, "me")
    cookie = people.log_in("ann", "right", code(secret, NOW_S), NOW_S)
    assert cookie
    assert people.find(cookie, NOW_S + IDLE_S - 1)
    assert people.find(cookie, NOW_S + 2 * IDLE_S - 2)
    assert people.find(cookie, NOW_S + 4 * IDLE_S) is None
    assert people.find(COOKIE, NOW_S) is None
    people.remove("ann", NOW_S + 60, "me")
    assert people.find(cookie, NOW_S + 60) is None
    assert people.log_in("ann", "right", code(secret, NOW_S + 60), NOW_S + 60) is None
