"""Who may use the set-up page, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.setting_up.access import MAX_ATTEMPTS, Access, Admitted, Denial
from safecount.wire.enrolment import SETUP_CODE_BYTES
from safecount.wire.setup_session import SetupSession, code_text, digest_of_code

CODE = code_text(bytes(range(SETUP_CODE_BYTES)))


def access(opened_s: int = 100, minutes: int = 30) -> Access:
    session = SetupSession(opened_s, opened_s + minutes * 60, digest_of_code(CODE))
    return Access(session, lambda count: bytes(range(count)))


def entered(one: Access, typed: str = CODE, at_s: float = 101.0) -> str:
    outcome = one.enter(typed, at_s)
    assert isinstance(outcome, Admitted)
    return outcome.token


@pytest.mark.parametrize("typed", [CODE, CODE.upper(), CODE.replace("-", ""), f" {CODE.replace('-', ' ')} "])
def test_the_code_opens_the_page_however_it_is_typed(typed: str) -> None:
    one = access()
    assert one.allows(entered(one, typed), 200.0)


def test_a_code_is_good_once() -> None:
    one = access()
    token = entered(one)
    assert one.enter(CODE, 102.0) is Denial.CODE_USED
    assert one.allows(token, 103.0), "whoever came first stays"


def test_nothing_opens_after_the_session_or_before_it() -> None:
    one = access()
    assert one.enter(CODE, 99.0) is Denial.OVER
    token = entered(one)
    assert one.allows(token, 1899.9)
    assert not one.allows(token, 1900.0)
    assert one.left_s(1899.0) == 1
    assert one.left_s(5000.0) == 0


def test_after_too_many_wrong_codes_the_right_one_does_not_help() -> None:
    one = access()
    for _ in range(MAX_ATTEMPTS):
        assert one.enter("aaaa-aaaa", 101.0) is Denial.WRONG_CODE
    assert one.enter(CODE, 101.0) is Denial.TOO_OFTEN


@given(st.text(max_size=40))
def test_no_other_text_is_the_code_or_the_token(text: str) -> None:
    one = access()
    if "".join(each for each in text.lower() if each.isalnum()) != CODE.replace("-", ""):
        assert one.enter(text, 101.0) is Denial.WRONG_CODE
    assert not one.allows(text, 101.0), "no token was given yet"
