"""Every command that a document quotes exists, with the options that it is quoted with."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from safecount_ops.__main__ import commands

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def quoted(text: str) -> Iterator[str]:
    """What stands in `spans` and in fenced blocks, line by line; a line that ends in \\ goes on."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in fenced:
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def wrong(line: str) -> str | None:
    """What is wrong with a quoted line of safecount-ops; None if it could be typed so."""
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(commands)
    command: click.Command = commands
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        names = words.pop(0).split("|")
        found = [command.get_command(context, name) for name in names]
        if None in found:
            return f"no command {' or '.join(names)} in: {line}"
        command = next(one for one in found if one is not None)
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "--help",
        "-h",
        "--version",
    }
    unknown = [word for word in words if re.match(r"--[a-z]", word) and word.split("=")[0] not in known]
    return f"no option {unknown[0]} in: {line}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_quoted_command_can_be_typed(document: Path) -> None:
    lines = [line.strip() for line in quoted(document.read_text(encoding="utf-8"))]
    faults = [wrong(line) for line in lines if re.match(r"safecount-ops [a-z]", line)]
    assert not [fault for fault in faults if fault]
    made = {name for line in lines if (found := re.match(r"make ((?:[a-z-]+ ?)+)", line)) for name in found[1].split()}
    assert made <= TARGETS


@pytest.mark.parametrize(
    "line", ["safecount-ops colector serve", "safecount-ops collector burn DIR", "safecount-ops collector init --nme x"]
)
def test_a_command_that_is_none_is_found(line: str) -> None:
    assert wrong(line)
    assert list(quoted(f"Say `{line}`.")) == [line]
