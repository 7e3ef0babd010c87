"""The frozen bytes of tests/vectors, as starting points for tests that change them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "vectors" / "vectors.json"


@cache
def _all() -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return vectors


def vector(name: str) -> bytes:
    """The bytes that stand under `name`."""
    return bytes.fromhex(_all()[name])
