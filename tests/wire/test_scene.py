"""The local formats of the set-up page, and the validation certificate."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.code_line import MAX_LINES, CodeLine, Side
from safecount.wire.encoding import decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.scene import (
    MAX_CELLS,
    MAX_CROSSINGS_SHOWN,
    MAX_PEOPLE_SHOWN,
    MAX_SCENE_BYTES,
    MAX_WISH_BYTES,
    Scene,
    SeenCrossing,
    SeenPerson,
    Silhouette,
    SilhouetteLevel,
    Wish,
    decode_scene,
    decode_wish,
    encode_scene,
    encode_wish,
)
from safecount.wire.setup_session import (
    Proposal,
    SetupSession,
    decode_proposal,
    decode_session,
    digest_of_code,
    encode_proposal,
    encode_session,
)
from safecount.wire.validation import (
    LineRate,
    Rate,
    Validation,
    decode_validation,
    encode_validation,
    parse_certificate,
    sign_validation,
)
from simulators.keys import signing_key

LINE = CodeLine("north", (0, 500), (1000, 500), Side.DOWN)
FULL = Scene(
    rule="ü" * 32,
    level=SilhouetteLevel.OUTLINES,
    picture=(16_384, 16_384),
    silhouette=Silhouette(MAX_CELLS, MAX_CELLS, bytes(MAX_CELLS * MAX_CELLS // 8)),
    people=(SeenPerson(2**31 - 1, 1000, 1000, 1000, 1000),) * MAX_PEOPLE_SHOWN,
    crossings=(SeenCrossing(2**31 - 1, MAX_LINES - 1, True, 60_000),) * MAX_CROSSINGS_SHOWN,
)
VALIDATION = Validation(
    device="sc-aaaaaaaaaaaaaaaa.bbbbbb",
    key=signing_key("device").public_key().public_bytes_raw(),
    site="station",
    day=date(2026, 6, 10),
    minutes=12,
    rule="line-1/yolox",
    lines=(LINE,),
    all_passings=Rate(120, 97, 92, 99),
    rows=(LineRate(0, True, Rate(60, 98, 91, 100)),),
)


def test_the_largest_scene_and_wish_have_room() -> None:
    assert len(encode_scene(FULL)) <= MAX_SCENE_BYTES
    assert decode_scene(encode_scene(FULL)) == FULL
    wish = Wish(2**31 - 1, SilhouetteLevel.PATHS, (CodeLine("ü" * 32, (1000, 1000), (999, 999), Side.UP),) * MAX_LINES)
    assert len(encode_wish(wish)) <= MAX_WISH_BYTES
    assert decode_wish(encode_wish(wish)) == wish


def test_a_scene_has_no_form_for_more_than_a_bit_a_cell() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        Silhouette(64, 48, bytes(64 * 48))
    with pytest.raises(ValueError, match="more cells"):
        Silhouette(MAX_CELLS + 1, 1, bytes(9))
    grey = encode(["r", 1, 640, 480, [64, 48, bytes(512)], [], []])
    with pytest.raises(UntrustedInput) as refused:
        decode_scene(grey)
    assert refused.value.reason is Reason.BAD_FIELD


def test_a_session_is_never_longer_than_half_an_hour() -> None:
    session = SetupSession(5, 1805, digest_of_code("abcd"))
    assert decode_session(encode_session(session)) == session
    with pytest.raises(UntrustedInput):
        decode_session(encode({1: 1, 2: 5, 3: 1806, 4: bytes(32)}))


def test_a_proposal_has_at_least_a_line() -> None:
    proposal = Proposal((LINE,), SilhouetteLevel.COARSE)
    assert decode_proposal(encode_proposal(proposal)) == proposal
    with pytest.raises(UntrustedInput):
        decode_proposal(encode({1: 1, 2: [], 3: 1}))


def test_a_certificate_is_signed_by_the_key_that_it_names() -> None:
    signed = sign_validation(VALIDATION, signing_key("device"))
    assert parse_certificate(signed) == VALIDATION
    with pytest.raises(ValueError, match="that it names"):
        sign_validation(VALIDATION, signing_key("another"))
    named = signed.replace(VALIDATION.key, signing_key("another").public_key().public_bytes_raw())
    with pytest.raises(UntrustedInput) as refused:
        parse_certificate(named)
    assert refused.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "rate", [(7, 50, 40, 60), (30, 50, 51, 60), (30, 50, 40, 49), (30, 50, 40, 101), (-10, 50, 40, 60)]
)
def test_a_rate_that_says_more_or_nothing_is_none(rate: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"a number of passings|an interval"):
        Rate(*rate)


def test_too_few_passings_are_never_certified() -> None:
    body = encode_validation(VALIDATION)
    assert decode_validation(body) == VALIDATION
    fields = decode(body, len(body))
    assert isinstance(fields, dict)
    with pytest.raises(UntrustedInput, match="too short"):
        decode_validation(encode({**fields, 8: [20, 50, 20, 80]}))


@given(st.binary(max_size=400))
def test_no_bytes_break_a_parser(data: bytes) -> None:
    for parse in (decode_scene, decode_wish, decode_session, decode_proposal, decode_validation, parse_certificate):
        with pytest.raises(UntrustedInput):
            parse(data)
