"""Under which licences the wheels of a lock file are, by what they say of themselves (core metadata, PEP 639)."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PERMISSIVE = {
    "0BSD",
    "3-Clause BSD License",
    "Apache Software License",
    "Apache-2.0",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "MIT",
    "MIT License",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Python Software Foundation License",
    "Zlib",
}
"""May be shipped with a notice alone."""
BY_FILE = {"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"}
"""Changes to its own files must be published; we change none."""
BY_LIBRARY = {"LGPL-3.0-only"}
"""May be used as a library that its user can replace: at the desk, where pip installs it. Not in the image."""


def names_in(lock: Path) -> list[str]:
    """The packages of a requirements file, but those of other systems."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = {
        match[1]
        for line in lines
        if "win32" not in line and (match := re.match(r"([a-z0-9._-]+)(?:\[[a-z,]+\])?==", line))
    }
    return sorted(found)


def licence_of(name: str) -> str | None:
    """What an installed package says of its licence: an SPDX expression, or names of classifiers; None if nothing."""
    said = metadata(name)
    classes = [
        one.rpartition("::")[2].strip() for one in said.get_all("Classifier") or () if one.startswith("License ::")
    ]
    expression = said.get_all("License-Expression") or classes or said.get_all("License") or ()
    return " AND ".join(expression) or None


def is_within(expression: str, allowed: set[str]) -> bool:
    """Whether everything in the expression (or, of alternatives, one of them) is allowed."""
    return any(all(part.strip() in allowed for part in arm.split(" AND ")) for arm in expression.split(" OR "))


def outside(lock: Path, allowed: set[str], known: dict[str, str]) -> Iterator[str]:
    """The packages of a lock whose licence is unknown or not allowed. `known`: those whose wheel says nothing."""
    for name in names_in(lock):
        try:
            said = known.get(name) or licence_of(name)
        except PackageNotFoundError:
            said = "not installed here"
        if said is None or not is_within(said, allowed):
            yield f"{name}: {said}"
