"""Site codes in pictures as a camera takes them; `make bench-qr` shows hundreds of them."""

import numpy as np
import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from safecount.edges.code_socket import wanted
from safecount.edges.qr_reader import doubled, read_codes
from safecount.wire.code_text import MAX_SITE_CODE_CHARACTERS
from safecount.wire.site_code import prove, sign_site_code
from simulators.code_camera import frames, held
from simulators.enrolment import LABEL, SIGNER, site_code

CODE = sign_site_code(prove(site_code(), LABEL.serial, LABEL.secret), SIGNER)
WIFI = "WIFI:T:WPA;S:street;P:correct horse;;"


def drawn(text: str, module_px: int = 4) -> NDArray[np.uint8]:
    modules = np.array([list(row) for row in segno.make(text, error="m", micro=False).matrix], np.uint8)
    picture = np.pad(255 * (1 - modules), 4, constant_values=255).astype(np.uint8)
    return picture.repeat(module_px, 0).repeat(module_px, 1)


@pytest.mark.parametrize("seed", range(8))
def test_a_code_held_aslant_and_half_in_the_shade_is_read_within_two_seconds(seed: int) -> None:
    assert any(read_codes(picture) == (CODE,) for picture in frames(held(CODE, seed), seed, 5.0, 2.0))


def test_a_wifi_code_is_read_and_other_peoples_codes_go_no_further() -> None:
    assert read_codes(drawn(WIFI)) == (WIFI,)
    for other in ("https://example.org/ticket?name=somebody", "SC2:AAAA", "sc1:aaaa", "SL1:AAAA", "WIFI"):
        assert read_codes(drawn(other)) == ()


def test_a_code_that_is_printed_over_is_not_read_or_read_right() -> None:
    picture = drawn(CODE)
    for share in (0.02, 0.1, 0.3, 0.6):
        smeared = picture.copy()
        smeared[100 : 100 + int(share * len(picture)), 60:200] = 0
        assert set(read_codes(smeared)) <= {CODE}


def test_only_texts_of_a_possible_length_are_wanted() -> None:
    assert wanted("SC1:" + "A" * (MAX_SITE_CODE_CHARACTERS - 4))
    assert not wanted("SC1:" + "A" * MAX_SITE_CODE_CHARACTERS)
    assert not wanted("WIFI:" + "A" * 252)
    assert not wanted("SC1:\N{LATIN SMALL LETTER E WITH ACUTE}")


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=96)))
def test_any_picture_is_survived(picture: NDArray[np.uint8]) -> None:
    assert read_codes(picture) == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4000))
def test_a_code_with_any_pixels_changed_says_the_same_or_nothing(seed: int, changed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = drawn(CODE, 3)
    picture.reshape(-1)[rng.integers(0, picture.size, changed)] = rng.integers(0, 256, changed)
    assert set(read_codes(picture)) <= {CODE}


def test_a_doubled_picture_has_the_means_between() -> None:
    picture = np.array([[0, 100], [200, 60]], np.uint8)
    assert doubled(picture).tolist() == [[0, 50, 100], [100, 90, 80], [200, 130, 60]]
