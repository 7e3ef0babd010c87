"""The figures of docs/privacy.md are those of the code."""

import re
from math import exp, sqrt, tanh
from pathlib import Path

import pytest

from safecount.errors import UsageError
from safecount.settings import SiteSettings, parse
from safecount.wire.values import EPSILON, Node, Profile, node_epsilon

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """The rows of the one table whose first column is headed so."""
    body = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert body
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body[1].splitlines()]


def deviation(epsilon: float) -> float:
    a = exp(-epsilon)
    return sqrt(2 * a) / (1 - a)


def test_the_table_of_profiles_is_what_the_code_does() -> None:
    expected = []
    for profile in Profile:
        hour, day = (float(node_epsilon(profile, node, exits=False)) for node in (Node.HOUR, Node.DAY))
        whole = float(EPSILON[profile])
        figures = [f"{value:g}" for value in (whole, hour, day)] + [f"{tanh(whole / 2):.3f}"]
        expected.append([profile.name.lower(), *figures, f"{deviation(hour):.1f}", f"{deviation(day):.1f}"])
    assert rows("profile") == expected


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
