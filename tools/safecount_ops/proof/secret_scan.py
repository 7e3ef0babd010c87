"""Looks for secrets that were committed by mistake: keys, tokens and passwords of known forms. Reads, and changes nothing."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

PATTERNS = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/=\s]{40,}"),
    "age identity": re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    "cloud key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "forge token": re.compile(
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|glpat-[A-Za-z0-9_-]{20,}|github_pat_[A-Za-z0-9_]{22,})"
    ),
    "registry token": re.compile(rb"\b(?:pypi-AgEI[A-Za-z0-9_-]{40,}|npm_[A-Za-z0-9]{36})"),
    "bearer token": re.compile(rb"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    "password in an address": re.compile(rb"[a-z][a-z0-9+.-]*://[^\s/:@\"'<>{}$]+:[^\s/:@\"'<>{}$]{3,}@[a-z0-9]"),
    "label of a device": re.compile(rb"\bSL1:[0-9A-Z $%*+./:-]{60,}"),
}


def tracked(root: Path) -> list[Path]:
    """The files of the repository at `root` that git knows."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True).stdout
    return [root / name.decode() for name in listed.split(b"\0") if name]


def secrets_in(content: bytes) -> Iterator[tuple[str, int]]:
    """(kind, line from 1) of whatever has the form of a secret."""
    for kind, pattern in PATTERNS.items():
        for found in pattern.finditer(content):
            yield kind, content.count(b"\n", 0, found.start()) + 1
