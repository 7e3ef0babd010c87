"""The fleet's line: read as it was written, and refused when any part of it is another."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecount.wire.base45 import ALPHABET, encode45
from safecount.wire.cose import sign1
from safecount.wire.encoding import encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.fleet import FLEET_PREFIX, FLEET_TYPE, Fleet, parse_fleet, sign_fleet
from safecount.wire.site_code import sign_site_code
from simulators.enrolment import SIGNER, site_code
from simulators.keys import signing_key

FLEET = Fleet(
    "https://collector.example.org:8443", sha256(b"ca").digest(), SIGNER.public_key().public_bytes_raw(), 1_700_000_000
)


def test_a_line_is_read_as_it_was_written() -> None:
    assert parse_fleet(sign_fleet(FLEET, SIGNER) + "\r\n") == FLEET


@given(st.data())
@settings(max_examples=100)
def test_a_line_with_any_part_changed_is_refused(data: st.DataObject) -> None:
    text = sign_fleet(FLEET, SIGNER)
    place = data.draw(st.integers(len(FLEET_PREFIX), len(text) - 1))
    character = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    with pytest.raises(UntrustedInput):
        parse_fleet(text[:place] + character + text[place + 1 :])


@given(st.text(max_size=300) | st.text(alphabet=ALPHABET, max_size=300).map(lambda text: FLEET_PREFIX + text))
def test_any_text_is_refused_with_a_reason_and_nothing_else(text: str) -> None:
    with pytest.raises(UntrustedInput):
        parse_fleet(text)


@given(st.binary(max_size=200))
def test_any_payload_is_refused_even_if_it_is_signed(payload: bytes) -> None:
    with pytest.raises(UntrustedInput):
        parse_fleet(FLEET_PREFIX + encode45(sign1(FLEET_TYPE, payload, SIGNER)))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (1, 2, Reason.UNSUPPORTED_VERSION),
        (2, "http://collector.example", Reason.BAD_FIELD),
        (2, "https://user@collector.example", Reason.BAD_FIELD),
        (3, bytes(31), Reason.BAD_FIELD),
        (4, bytes(33), Reason.BAD_FIELD),
        (4, bytes(32), Reason.BAD_SIGNATURE),
        (5, -1, Reason.BAD_FIELD),
        (6, 1, Reason.BAD_FIELD),
    ],
)
def test_a_field_out_of_range_is_refused(key: int, value: object, reason: Reason) -> None:
    fields: dict[int, object] = {1: 1, 2: FLEET.url, 3: FLEET.ca, 4: FLEET.signer, 5: FLEET.made_s}
    text = FLEET_PREFIX + encode45(sign1(FLEET_TYPE, encode(fields | {key: value}), SIGNER))  # type: ignore[arg-type]
    with pytest.raises(UntrustedInput) as caught:
        parse_fleet(text)
    assert caught.value.reason is reason


def test_another_signer_and_a_site_code_in_its_place_are_refused() -> None:
    with pytest.raises(ValueError, match="signed by the key"):
        sign_fleet(replace(FLEET, signer=signing_key("another").public_key().public_bytes_raw()), SIGNER)
    for text in (sign_site_code(site_code(), SIGNER), FLEET_PREFIX + sign_site_code(site_code(), SIGNER)[4:]):
        with pytest.raises(UntrustedInput) as caught:
            parse_fleet(text)
        assert caught.value.reason in {Reason.WRONG_TYPE, Reason.TOO_LARGE}


def test_a_line_of_ten_megabytes_is_not_even_decoded() -> None:
    with pytest.raises(UntrustedInput) as caught:
        parse_fleet(FLEET_PREFIX + "0" * 10_000_000)
    assert caught.value.reason is Reason.TOO_LARGE
