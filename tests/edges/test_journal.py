"""Logs are part of the privacy surface: what the device's processes can write is a closed list."""

import ast
import os
import re
from pathlib import Path

import pytest

import safecount
from safecount.delivery.ports import FailureKind
from safecount.edges.journal import Event, tell

FIRMWARE = Path(safecount.__file__).parent


def test_each_event_is_one_sentence_with_a_priority_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    for event in Event:
        tell(event)
    tell(Event.VISIT_FAILED, FailureKind.BUSY)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == len(Event) + 1
    for line in lines:
        assert re.fullmatch(r"<[3-6]>[A-Z][^0-9{}]*[.:]|<4>The collector took nothing: [a-z ]+\.", line), line


def test_a_journal_that_takes_nothing_stops_nobody() -> None:
    kept = os.dup(2)
    read_end, write_end = os.pipe()
    os.close(read_end)
    os.dup2(write_end, 2)
    try:
        tell(Event.COUNTING)
    finally:
        os.dup2(kept, 2)
        for one in (kept, write_end):
            os.close(one)


def test_no_other_part_of_the_device_writes_to_a_terminal() -> None:
    """Save the command line, whose errors end the process."""
    speakers = []
    for file in sorted(FIRMWARE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Name) and node.id == "print"
            if named or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stderr", "sys.stdout"}):
                speakers.append(file.relative_to(FIRMWARE).as_posix())
    assert set(speakers) <= {"__main__.py", "roles/boot_choice.py"}  # the second answers RAUC
