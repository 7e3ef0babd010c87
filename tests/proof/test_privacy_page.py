"""The figures of docs/privacy.md are those of the code."""

import re
from math import exp, sqrt, tanh
from pathlib import Path

import pytest

from safecount.errors import UsageError
from safecount.settings import SiteSettings, parse
from safecount.wire.values import EPSILON, Node, Profile, node_epsilon

DOCS = Path(__file__).parents[2] / "docs"


def rows(first: str, page: str = "privacy.md") -> list[list[str]]:
    """The rows of the page's one table whose first column is headed so."""
    text = (DOCS / page).read_text(encoding="utf-8")
    body = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert body
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body[1].splitlines()]


def deviation(epsilon: float) -> float:
    a = exp(-epsilon)
    return sqrt(2 * a) / (1 - a)


def within_95(epsilon: float) -> int:
    """The least k with P(|noise| <= k) of at least 0.95: P(|noise| > k) = 2 a**(k + 1) / (1 + a)."""
    a = exp(-epsilon)
    return next(k for k in range(1000) if 2 * a ** (k + 1) / (1 + a) <= 0.05)


def test_the_table_of_profiles_is_what_the_code_does() -> None:
    expected = []
    for profile in Profile:
        hour, day = (float(node_epsilon(profile, node, exits=False)) for node in (Node.HOUR, Node.DAY))
        whole = float(EPSILON[profile])
        figures = [f"{value:g}" for value in (whole, hour, day)] + [f"{tanh(whole / 2):.3f}"]
        noise = [f"{deviation(hour):.1f}", f"{deviation(day):.1f}", str(within_95(hour))]
        expected.append([profile.name.lower(), *figures, *noise])
    assert rows("profile") == expected
    assert [(row[0], row[-1]) for row in rows("choose", "controller-guide.md")] == [
        (row[0], row[-1]) for row in expected
    ]


def test_the_table_of_days_is_what_the_formula_gives() -> None:
    for days, *figures in rows("days"):
        assert figures == [f"{tanh(int(days) * float(EPSILON[profile]) / 2):.3f}" for profile in Profile]


@pytest.mark.parametrize("profile", ["open", "exact", "", "ACCURATE", 2.0])
def test_no_other_level_can_be_set(profile: object) -> None:
    line = {"name": "a", "door": "a", "start": [0.0, 0.5], "end": [1.0, 0.5], "in_side": "down"}
    site = {"device": "d", "site": "s", "zone": "UTC", "collector": "https://c.example", "line": [line]}
    assert parse({**site, "profile": "strict"}, SiteSettings, "site").level.profile is Profile.STRICT
    with pytest.raises(UsageError, match="profile"):
        parse({**site, "profile": profile}, SiteSettings, "site")
    assert max(EPSILON.values()) == 1
    assert set(EPSILON) == set(Profile)
