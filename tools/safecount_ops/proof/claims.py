"""Which tests hold up what the documents say.

A claim names its test by an ordinary link of Markdown, `[test](../tests/wire/test_chain.py#test_name)`: a reader can
follow it, and `tests/proof` fails if pytest would not collect that test. A table whose last column is "held up by" has
in every row such a link, or one to a document, or the word "open" with what is missing. Tests are found by reading
their source (`ast`), never by running it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMN = "held up by"
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#([^)\s]+))?\)")


@dataclass(frozen=True, slots=True)
class Claim:
    """A place in a document (its line, from 1) that names a test as `tests/FOLDER/FILE.py::NAME`."""

    document: str
    line: int
    test: str


def collected_in(root: Path) -> frozenset[str]:
    """All tests below `root`/tests that pytest collects and runs: functions and methods of Test classes in test_*.py,
    but those that are always skipped.
    """
    return frozenset(
        f"{path.relative_to(root).as_posix()}::{name}"
        for path in sorted((root / "tests").rglob("test_*.py"))
        for name in _names(ast.parse(path.read_text(encoding="utf-8")).body)
    )


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _names(node.body)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_run(node):
            yield node.name


def _is_run(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    skipped = any(".skip" in ast.unparse(decorator) for decorator in node.decorator_list)
    return node.name.startswith("test") and not skipped


def _lines(document: Path) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; what stands in `code` is no link."""
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        yield number, _CODE.sub("", line)


def claims_in(document: Path, root: Path) -> list[Claim]:
    """The claims of a Markdown file: its links into `root`/tests that name something behind a #."""
    found = []
    for number, line in _lines(document):
        for target, name in _LINK.findall(line):
            path = (document.parent / target).resolve()
            if name and path.suffix == ".py" and path.is_relative_to(root / "tests"):
                test = f"{path.relative_to(root).as_posix()}::{name}"
                found.append(Claim(document.relative_to(root).as_posix(), number, test))
    return found


def bare_rows(document: Path) -> list[tuple[int, str]]:
    """Rows (line, text) of tables with a last column "held up by" that name neither a test nor a document nor what is
    open.
    """
    found, in_table = [], False
    for number, line in _lines(document):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            in_table = False
        elif cells[-1].lower() == COLUMN:
            in_table = True
        elif (
            in_table
            and not set(line) <= set("|-: ")
            and not (_LINK.search(cells[-1]) or cells[-1].startswith("open: "))
        ):
            found.append((number, line))
    return found


def broken_links(document: Path) -> list[tuple[int, str]]:
    """Links (line, target) to files of the repository that are not there."""
    return [
        (number, target)
        for number, line in _lines(document)
        for target, _ in _LINK.findall(line)
        if "://" not in target and not target.startswith("mailto:") and not (document.parent / target).exists()
    ]
