"""The freshness gate sees what a renewed lock would change."""

from dataclasses import replace

import pytest

from safecount_image.board import REPOSITORY, read_board
from safecount_image.freshness import DESK_LOCK, Stale, stale_packages, stale_wheels
from safecount_image.packages import read_lock


def test_a_package_that_its_suite_has_renewed_dropped_or_added_is_named() -> None:
    locked = read_lock(read_board("virt").lock)
    assert stale_packages(locked, locked) == []
    first, second, *others = locked
    now = [replace(first, version="99", sha256="0" * 64), *others, replace(second, name="quite-new", sha256="1" * 64)]
    assert stale_packages(locked, now) == sorted(
        [
            Stale(first.name, first.version, "99"),
            Stale(second.name, second.version, ""),
            Stale("quite-new", "", second.version),
        ]
    )


def test_the_same_version_with_other_bytes_is_named() -> None:
    locked = read_lock(read_board("virt").lock)
    now = [replace(locked[0], sha256="0" * 64), *locked[1:]]
    assert [one.name for one in stale_packages(locked, now)] == [locked[0].name]


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ("numpy==2.0 ; python_version < '3.12'\nnumpy==3.1\nClick==8", []),
        ("numpy==2.0\nnumpy==3.2\nclick==8", ["numpy"]),
        ("numpy==2.0\nnumpy==3.1", ["click"]),
        ("numpy==2.0\nnumpy==3.1\nclick==8\nnew==1", ["new"]),
    ],
)
def test_a_wheel_that_would_be_another_is_named(now: str, named: list[str]) -> None:
    locked = (
        "numpy==2.0 \\\n    --hash=sha256:00\nnumpy==3.1 \\\n    --hash=sha256:11\nclick==8 \\\n    --hash=sha256:22\n"
    )
    assert [one.name for one in stale_wheels(locked, now)] == named


def test_the_desks_lock_is_read() -> None:
    text = (REPOSITORY / DESK_LOCK).read_text(encoding="utf-8")
    assert stale_wheels(text, text) == []
    assert len(stale_wheels(text, "")) > 50
