"""Each wheel of the locks is under a licence that lets us ship it, or use it at the desk."""

from pathlib import Path

import pytest

from safecount_ops.proof.licences import BY_FILE, BY_LIBRARY, PERMISSIVE, is_within, licence_of, names_in, outside

ROOT = Path(__file__).parents[2]
IMAGE, DESK = ROOT / "image-build" / "locks" / "wheels.txt", ROOT / "tools" / "locks" / "run.txt"
BY_THEIR_FILES = {"pyrage": "MIT", "python-pam": "MIT"}
"""Whose wheels name no licence in their metadata; read from their licence files."""


def test_nothing_in_the_image_asks_for_more_than_a_notice() -> None:
    assert len(names_in(IMAGE)) > 15
    assert list(outside(IMAGE, PERMISSIVE | BY_FILE, {})) == []


def test_nothing_at_the_desk_asks_for_more_than_to_be_replaceable() -> None:
    assert set(names_in(IMAGE)) <= set(names_in(DESK))
    assert list(outside(DESK, PERMISSIVE | BY_FILE | BY_LIBRARY, BY_THEIR_FILES)) == []


def test_those_named_by_hand_really_say_nothing_themselves() -> None:
    assert not [name for name in BY_THEIR_FILES if licence_of(name)]


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("EPL-2.0 OR BSD-3-Clause", True),
        ("", False),
    ],
)
def test_a_licence_that_is_not_allowed_is_found(expression: str, *, fits: bool) -> None:
    assert is_within(expression, PERMISSIVE) is fits


def test_an_unknown_licence_is_found(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(
        "fpdf2==1.0 \\\n    --hash=sha256:00\nno-such-package==1 ; python_version > '3'\n", encoding="utf-8"
    )
    assert list(outside(tmp_path / "lock", PERMISSIVE, {})) == [
        "fpdf2: LGPL-3.0-only",
        "no-such-package: not installed here",
    ]
