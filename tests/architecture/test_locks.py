"""The lock files: everything by hash, and no address of any registry."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[2] / "tools" / "locks"


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_requirement_has_a_hash_and_no_address(name: str) -> None:
    text = (LOCKS / name).read_text(encoding="utf-8")
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", block), block
        assert "--hash=sha256:" in block, block


def test_what_runs_is_a_part_of_what_is_developed() -> None:
    pins = {
        name: set(re.findall(r"^\S+==\S+", (LOCKS / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("run.txt", "dev.txt")
    }
    assert pins["run.txt"] <= pins["dev.txt"]
