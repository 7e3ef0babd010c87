"""`safecount-ops scorecard`: what catalogues of security ask, and what of it this release shows.

The answers are in scorecards.toml. An item passes only by tests that pytest collects; everything else is by document,
fails or does not apply, with the reason. The counts are computed, never written down. No claim of conformity: a
catalogue's own assessor decides about that.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount_ops.proof.claims import collected_in

ANSWERS = {"test": "pass", "document": "by document", "fails": "fails", "na": "does not apply"}
FILE = Path(__file__).with_name("scorecards.toml")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a catalogue. `answer` is a key of ANSWERS; `evidence` are tests, a document, or the reason."""

    number: str
    need: str
    what: str
    answer: str
    evidence: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Card:
    """One catalogue with its items."""

    name: str
    version: str
    scope: str
    items: tuple[Item, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        found = Counter(item.answer for item in self.items)
        return {answer: found[answer] for answer in ANSWERS}


def read_cards(file: Path = FILE) -> tuple[Card, ...]:
    """The cards of a TOML file in the form of scorecards.toml.

    Raises:
        UsageError: an item has no answer, or more than one; the text names it.
    """
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Card(
            table["name"],
            table["version"],
            table["scope"],
            tuple(_item(number, fields) for number, fields in table["items"].items()),
        )
        for table in tables.values()
    )


def _item(number: str, fields: Mapping[str, str | list[str]]) -> Item:
    answers = [name for name in ANSWERS if fields.get(name)]
    if len(answers) != 1 or fields.keys() - {*ANSWERS, "need", "what", "note"}:
        raise UsageError(f"The item {number} needs one of {', '.join(ANSWERS)}, and nothing unknown beside it.")
    found = fields[answers[0]]
    evidence = (found,) if isinstance(found, str) else tuple(found)
    return Item(number, str(fields["need"]), str(fields["what"]), answers[0], evidence, str(fields.get("note", "")))


def missing(cards: tuple[Card, ...], root: Path) -> list[str]:
    """Items whose test pytest would not collect below `root`, or whose document is not there."""
    tests = collected_in(root)
    return [
        f"{card.name} {item.number}: {one}"
        for card in cards
        for item in card.items
        for one in item.evidence
        if (item.answer == "test" and one not in tests) or (item.answer == "document" and not (root / one).is_file())
    ]


def as_markdown(cards: tuple[Card, ...]) -> str:
    """The page docs/scorecards.md."""
    lines = [
        "# Scorecards",
        "",
        "What three catalogues ask, and what this release answers. *Pass* has a test of this repository that is run",
        "before each release; the rest is by document, fails or does not apply, with the reason. It is our own reading:",
        "no conformity, certification or exemption is claimed. Titles are our words. Made by `safecount-ops scorecard`",
        "from `tools/safecount_ops/proof/scorecards.toml`; a test fails if the two differ.",
        "",
        f"| catalogue | items | {' | '.join(ANSWERS.values())} |",
        f"|---|---|{'---|' * len(ANSWERS)}",
        *(f"| {c.name}, {c.version} | {len(c.items)} | {' | '.join(map(str, c.counts.values()))} |" for c in cards),
    ]
    for card in cards:
        lines += [
            "",
            f"## {card.name}",
            f"{card.version}; {card.scope}.",
            "",
            "| | | asks | answer | evidence or reason |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {item.number} | {item.need} | {item.what} | {ANSWERS[item.answer]} | {_evidence(item)} |"
            for item in card.items
        ]
    return "\n".join(lines) + "\n"


def _evidence(item: Item) -> str:
    note = f"; {item.note}" if item.note else ""
    match item.answer:
        case "test":
            return ", ".join(f"[test](../{one.replace('::', '#')})" for one in item.evidence) + note
        case "document":
            return ", ".join(f"[{Path(one).name}](../{one})" for one in item.evidence) + note
        case _:
            return item.evidence[0] + note


@click.command(name="scorecard")
@click.option("--root", type=click.Path(path_type=Path), default=Path(), help="The repository, for its tests.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page here; else it is printed.")
def command(root: Path, out: Path | None) -> None:
    """Show what ETSI EN 303 645, CRA Annex I and OWASP ISVS ask, and what this release answers."""
    if not (root / "tests").is_dir():
        raise UsageError(
            f"There are no tests in {root.resolve()}; name the repository with --root: a pass needs its test."
        )
    cards = read_cards()
    if gone := missing(cards, root):
        raise UsageError(f"{len(gone)} answers name what is not there, first {gone[0]}.")
    if out is None:
        print(as_markdown(cards), end="")
        return
    out.write_text(as_markdown(cards), encoding="utf-8")
    for card in cards:
        print(f"{card.name}: " + ", ".join(f"{n} {ANSWERS[answer]}" for answer, n in card.counts.items()))
