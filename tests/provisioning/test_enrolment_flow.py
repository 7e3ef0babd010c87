"""The state table, and what a device does with codes of every kind."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.delivery.lamp_pattern import FLASHES, WAITING, LampPattern, long_and_short, pattern_of
from safecount.provisioning.enrolment_flow import TABLE, TOLD, Event, Owner, Refusal, State, judge, judge_listed, step
from safecount.roles.enrolment_lamp import LAMP, leave_state, pattern_left
from safecount.wire.fleet import Fleet
from safecount.wire.site_code import SiteCode, prove, sign_site_code
from simulators.enrolment import LABEL, SIGNER, site_code
from simulators.keys import signing_key

PAGE = Path(__file__).parents[2] / "docs" / "enrolment.md"
LONG = {None: 0, "a long flash, ": 1, "two long flashes, ": 2}
OWNER = Owner(LABEL.serial, LABEL.secret, 1_700_000_000)
GOOD = prove(site_code(), LABEL.serial, LABEL.secret)


def text_of(code: SiteCode) -> str:
    return sign_site_code(code, SIGNER)


def test_a_good_code_is_taken_by_a_blank_device() -> None:
    assert judge(text_of(GOOD), State.BLANK, OWNER) == GOOD


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("WIFI:T:WPA;S:shop;P:secret;;", Refusal.NOT_OURS),
        (text_of(GOOD)[:-6], Refusal.DAMAGED),
        (text_of(site_code()), Refusal.OTHER_DEVICE),
        (text_of(prove(site_code(), "sc-another", LABEL.secret)), Refusal.OTHER_DEVICE),
        (text_of(prove(site_code(), LABEL.serial, bytes(16))), Refusal.UNPROVEN),
        (text_of(replace(GOOD, url="https://thief.example")), Refusal.UNPROVEN),
        (text_of(prove(replace(site_code(), expires_s=1_600_000_000), LABEL.serial, LABEL.secret)), Refusal.EXPIRED),
    ],
)
def test_a_bad_code_says_why(text: str, refusal: Refusal) -> None:
    assert judge(text, State.BLANK, OWNER) is refusal


def test_a_code_signed_by_another_than_it_names_is_refused() -> None:
    thief = signing_key("thief")
    swapped = sign_site_code(replace(GOOD, signer=thief.public_key().public_bytes_raw()), thief)
    assert judge(swapped, State.BLANK, OWNER) is Refusal.UNPROVEN


def test_with_an_owner_no_code_is_taken() -> None:
    for state in (State.ENROLLED, State.ENROLLING):
        assert judge(text_of(GOOD), state, OWNER) is Refusal.ENROLLED


def test_a_device_without_the_time_leaves_the_expiry_to_the_collector() -> None:
    late = prove(replace(site_code(), expires_s=1), LABEL.serial, LABEL.secret)
    assert judge(text_of(late), State.BLANK, replace(OWNER, now_s=None)) == late


LISTED = replace(site_code(), serial=LABEL.serial)
FLEET = Fleet("https://collector.example.org:8443", bytes(32), LISTED.signer, 1_700_000_000)


def test_a_listed_code_needs_no_proof_but_the_fleets_signer() -> None:
    assert judge_listed(text_of(LISTED), FLEET, OWNER) == LISTED
    assert judge(text_of(LISTED), State.BLANK, OWNER) is Refusal.UNPROVEN, "typed or shown it is worth nothing"


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (text_of(site_code()), Event.NOT_THE_COLLECTOR),
        (text_of(replace(LISTED, serial="sc-another")), Event.NOT_THE_COLLECTOR),
        (text_of(replace(LISTED, expires_s=1_600_000_000)), Event.LIST_ENDED),
        (text_of(LISTED)[:-6], Event.COLLECTOR_FAILED),
        ("", Event.COLLECTOR_FAILED),
    ],
)
def test_what_the_fleets_collector_hands_out_is_judged(text: str, event: Event) -> None:
    assert judge_listed(text, FLEET, OWNER) is event


def test_a_collector_that_signs_codes_itself_is_not_believed() -> None:
    thief = signing_key("thief")
    forged = sign_site_code(replace(LISTED, signer=thief.public_key().public_bytes_raw()), thief)
    assert judge_listed(forged, FLEET, OWNER) is Event.NOT_THE_COLLECTOR


@given(st.text(max_size=200))
def test_whatever_is_read_is_judged(text: str) -> None:
    for untrusted in (text, "SC1:" + text):
        assert isinstance(judge(untrusted, State.BLANK, OWNER), Refusal)


def test_every_state_can_be_reached_and_left_but_the_last() -> None:
    reached, waiting = {State.BLANK}, [State.BLANK]
    while waiting:
        state = waiting.pop()
        following = {step(state, event) for event in Event} - reached
        reached |= following
        waiting += following
    assert reached == set(State)
    assert {event for state, event in TABLE if state is State.ENROLLED} == {Event.RESET}
    assert all(step(state, Event.RESET) is State.BLANK for state in State)


def test_the_page_for_installers_tells_every_state_and_every_refusal() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for state in State:
        assert f"| `{state.value}` | {TOLD[state]} |" in page
    for refusal in Refusal:
        assert f"- {refusal.value}" in page


def test_every_state_has_its_lamp_and_the_page_tells_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for state, pattern in LAMP.items():
        told = re.search(rf"^\| `{state.value}` \|.*\| (.*) \|$", page, re.MULTILINE)
        assert told
        if found := re.fullmatch(r"(a long flash, |two long flashes, )?(\d) (?:short|flashes)", told[1]):
            count, long = int(found[2]), LONG[found[1]]
            assert pattern == (long_and_short(count, long) if long else flashing(count)), state
    assert set(LAMP) == set(State)
    assert len({LAMP[state] for state in State}) == len(State) - 1, "only blank and enrolled look alike here"


def test_the_state_that_is_left_for_the_lamp_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "enrolment"
    assert pattern_left(path) == WAITING
    for state in State:
        leave_state(path, state)
        assert pattern_left(path) == LAMP[state]
    for damage in (b"\xff", b"no-such-state", b"x" * 4096):
        path.write_bytes(damage)
        assert pattern_left(path) == WAITING


def flashing(count: int) -> LampPattern:
    return next(pattern_of(kind) for kind, flashes in FLASHES if flashes == count)


def test_no_secret_is_shown_by_a_repr() -> None:
    assert LABEL.secret.hex() not in repr(OWNER)
    assert repr(LABEL.secret) not in repr(OWNER)
