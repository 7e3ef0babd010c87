"""The operator's contact for weaknesses is where RFC 9116 has it, and a setting that makes none is told at once."""

from pathlib import Path

import pytest
import requests

from safecount.errors import UsageError
from safecount_ops.collector.settings import SETTINGS_FILE, read_settings
from simulators.running_collector import running_collector

SETTINGS = """
[security]
contact = "mailto:security@shop.example"
expires = "2027-06-30"
languages = "en, de"
policy = "https://shop.example/security"
"""
TEXT = """Contact: mailto:security@shop.example
Expires: 2027-06-30T00:00:00Z
Preferred-Languages: en, de
Policy: https://shop.example/security
"""


def test_the_collector_serves_its_operators_contact(tmp_path: Path) -> None:
    with running_collector(tmp_path / "c", SETTINGS) as collector:
        at = collector.pull_url + "/.well-known/security.txt"
        answer = requests.get(at, verify=str(collector.ca_file), timeout=10)
    assert (answer.status_code, answer.text) == (200, TEXT)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('contact = "security@shop.example"', "must begin with mailto:"),
        ('contact = "mailto:a@b.example"', "must be a day"),
        ('contact = "mailto:a@b.example"\nexpires = "soon"', "must be a day"),
        (
            'contact = "mailto:a@b.example"\nexpires = "2027-06-30"\npolicy = "http://b.example"',
            "must begin with https",
        ),
        ('contact = "mailto:a@b.example\\nX: y"\nexpires = "2027-06-30"', "one line"),
    ],
)
def test_a_contact_that_is_none_is_told(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(f"[security]\n{line}\n")
    with pytest.raises(UsageError, match=says):
        read_settings(tmp_path)
