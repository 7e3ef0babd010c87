"""A release as TUF's targets metadata describes it: which board and version, for which share of the devices, and by
which bytes its bundle is known. Written by the release tools, read by the device.

Pure: a JSON map in, a valid value or UntrustedInput out. Its form: docs/formats.md, "Release".
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import total_ordering

from safecount.wire.errors import Reason, UntrustedInput

RELEASE_FORMAT = 1
DATA_FORMAT = 1
"""The newest layout of the data partition that this firmware reads. Raised with every layout that an older one cannot
read; the new layout is written only after the commit.
"""
PLACES = 1000
"""A share is told in thousandths of the devices."""
CUSTOM_KEY = "safecount"
BUNDLE_SUFFIX = ".raucb"
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_BOARD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"format", "version", "board", "data", "share", "signature", "index"}


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A release's number, MAJOR.MINOR.PATCH of semver.org without labels: what is ordered must have one order."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, untrusted: str) -> "Version":
        """The version of a text; ValueError for any other."""
        found = _VERSION.fullmatch(untrusted)
        if not found:
            raise ValueError(f"{untrusted[:64]!r} is no version of the form 1.2.3")
        return cls(*map(int, found.groups()))

    def __lt__(self, other: "Version") -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Release:
    """One bundle that TUF lists.

    `share` is the part of the devices that may take it, in thousandths (0: halted). `data` is the newest layout of the
    data partition that it reads. `signature` is the SHA-256 of the bundle's signature block, by which another bundle is
    told from damaged bytes of this one. `index` names the target that holds the bundle's blocks ("": none). `length` in
    bytes and `digest` (SHA-256) are of the whole bundle.
    """

    path: str
    version: Version
    board: str
    data: int
    share: int
    signature: bytes
    index: str
    length: int
    digest: bytes

    def is_for(self, device: str) -> bool:
        """Whether the roll-out has come to this device."""
        return place_of(device) < self.share


def place_of(device: str) -> int:
    """A device's fixed place in the order of roll-outs, 0 to 999: a hash of its name, so that nobody keeps a list."""
    digest = hashlib.sha256(b"safecount roll-out\0" + device.encode()).digest()
    return int.from_bytes(digest[:8], "big") % PLACES


def custom_of(release: Release) -> dict[str, object]:
    """What stands in the target's `custom` map, below CUSTOM_KEY."""
    return {
        "format": RELEASE_FORMAT,
        "version": str(release.version),
        "board": release.board,
        "data": release.data,
        "share": release.share,
        "signature": release.signature.hex(),
        "index": release.index,
    }


def parse_release(path: str, length: int, digest: str, untrusted: object) -> Release:
    """The release of one target: its path, length and SHA-256 (hex), and the map below CUSTOM_KEY.

    Raises:
        UntrustedInput: UNSUPPORTED_VERSION for another format, else MALFORMED or BAD_FIELD.
    """
    if not isinstance(untrusted, Mapping):
        raise UntrustedInput(Reason.MALFORMED, f"The target {path} does not say which release it is.")
    if untrusted.get("format") != RELEASE_FORMAT:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The target {path} is not of format {RELEASE_FORMAT}.")
    if set(untrusted) != _FIELDS:
        raise UntrustedInput(Reason.BAD_FIELD, f"The target {path} must have exactly the fields {sorted(_FIELDS)}.")
    try:
        return Release(
            path=path,
            version=Version.parse(_text(untrusted["version"])),
            board=_matching(_BOARD, untrusted["board"]),
            data=_number(untrusted["data"], 2**16),
            share=_number(untrusted["share"], PLACES),
            signature=bytes.fromhex(_matching(_DIGEST, untrusted["signature"])),
            index=_text(untrusted["index"]),
            length=_number(length, 2**40),
            digest=bytes.fromhex(_matching(_DIGEST, digest)),
        )
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The target {path} is not described as a release: {error}.") from error


def _text(untrusted: object) -> str:
    if not isinstance(untrusted, str) or len(untrusted) > 256:
        raise ValueError("a text is missing or too long")
    return untrusted


def _matching(pattern: re.Pattern[str], untrusted: object) -> str:
    text = _text(untrusted)
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:64]!r} is not of the form {pattern.pattern}")
    return text


def _number(untrusted: object, most: int) -> int:
    if isinstance(untrusted, bool) or not isinstance(untrusted, int) or not 0 <= untrusted <= most:
        raise ValueError(f"a number must be from 0 to {most}")
    return untrusted
