"""The scorecards say only what is there, about every item, and the page is theirs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from safecount.errors import UsageError
from safecount_ops.proof.scorecard import ANSWERS, as_markdown, command, missing, read_cards

ROOT = Path(__file__).parents[2]
CARDS = read_cards()
# Table B.1 of ETSI EN 303 645 V3.1.3, and the list of Annex I of Regulation (EU) 2024/2847.
TABLE_B1 = {
    "5.0": "1",
    "5.1": "1 2 2A 3 4 5",
    "5.2": "1 2 3",
    "5.3": "1 2 3 4A 4B 5 6A 6B 7 8 9 10 11 12 13 14 15A 15B 16",
    "5.4": "1 2 3 4",
    "5.5": "1 2 3 4 5 6 7 8",
    "5.6": "1 2 3 4A 4B 5 6 7 8 9",
    "5.7": "1 2",
    "5.8": "1 2 3",
    "5.9": "1 2 3",
    "5.10": "1",
    "5.11": "1 2 3 4",
    "5.12": "1 2 3",
    "5.13": "1A 1B",
    "6": "1 2 3A 3B 4 5 6 7 8",
}
ANNEX_I = ["I-1", *(f"I-2{letter}" for letter in "abcdefghijklm"), *(f"II-{n}" for n in range(1, 9))]


def test_each_item_has_one_answer_that_is_there() -> None:
    assert missing(CARDS, ROOT) == []
    for card in CARDS:
        assert sum(card.counts.values()) == len(card.items)
        for item in card.items:
            assert all(len(one) > 10 or one.startswith("as ") for one in item.evidence), f"{item.number}: no reason"


def test_no_item_of_a_catalogue_is_left_out() -> None:
    by_name = {card.name: [item.number for item in card.items] for card in CARDS}
    assert by_name["ETSI EN 303 645"] == [
        f"{clause}-{n}" for clause, numbers in TABLE_B1.items() for n in numbers.split()
    ]
    assert by_name["Cyber Resilience Act, Annex I"] == ANNEX_I


def test_the_page_is_made_from_the_cards() -> None:
    page = ROOT / "docs" / "scorecards.md"
    assert page.read_text(encoding="utf-8") == as_markdown(CARDS), "safecount-ops scorecard --out docs/scorecards.md"


def test_an_answer_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    assert len(missing(CARDS, tmp_path)) > 50
    result = CliRunner().invoke(command, ["--root", str(tmp_path)])
    assert "name what is not there" in str(result.exception)


@pytest.mark.parametrize(
    "fields", ['what = "x"', 'what = "x", test = ["a"], na = "b"', 'what = "x", test = []', 'what = "x", pass = "yes"']
)
def test_an_item_without_one_answer_is_refused(tmp_path: Path, fields: str) -> None:
    file = tmp_path / "cards.toml"
    file.write_text(
        f'[x]\nname = "x"\nversion = "1"\nscope = "all"\n[x.items]\n"1" = {{ need = "M", {fields} }}\n',
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="The item 1 needs one of"):
        read_cards(file)
    assert set(ANSWERS) == {"test", "document", "fails", "na"}
