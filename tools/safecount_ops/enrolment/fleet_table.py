"""The operator's table of a fleet, a CSV as `label --list` writes it, with columns for what differs between the devices."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from safecount.errors import UsageError
from safecount.wire.code_line import CodeLine
from safecount.wire.errors import UntrustedInput
from safecount.wire.values import Profile
from safecount_ops.enrolment.fleet_list import MAX_DEVICES, parse_fingerprint
from safecount_ops.enrolment.site_qr import known_zone, parse_line

MAX_TABLE_BYTES = 8 * 1024 * 1024
BETWEEN_LINES = ";"
_NEEDED, _MORE = ("serial", "fingerprint"), ("site", "zone", "line", "profile", "exits")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device goes: as in its site code."""

    site: str
    zone: str
    lines: tuple[CodeLine, ...]
    profile: Profile
    exits: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One device of the table."""

    serial: str
    fingerprint: bytes
    place: Place


def read_table(path: Path, usual: Place) -> list[Row]:
    """The table's devices; what a row leaves empty is as in `usual`. UsageError names the line that is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TABLE_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"The table {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The table {path} is not in UTF-8: save it as CSV in UTF-8.") from error
    if len(raw) > MAX_TABLE_BYTES:
        raise UsageError(f"The table {path} is over {MAX_TABLE_BYTES} bytes: cut it in parts.")
    rows = list(_rows(csv.reader(io.StringIO(text, newline="")), path, usual))
    if not 1 <= len(rows) <= MAX_DEVICES:
        raise UsageError(f"The table {path} has {len(rows)} devices: 1 to {MAX_DEVICES} are signed at once.")
    if len({row.serial for row in rows}) < len(rows):
        raise UsageError(f"The table {path} has a serial twice: a device is at one place.")
    return rows


def _rows(table: Iterator[list[str]], path: Path, usual: Place) -> Iterator[Row]:
    try:
        names = [name.strip().lower() for name in next(table, [])]
        if not set(_NEEDED) <= set(names) <= {*_NEEDED, *_MORE} or len(set(names)) < len(names):
            raise UsageError(
                f"The first line of {path} must name columns: {', '.join(_NEEDED)}; {', '.join(_MORE)} may."
            )
        for number, cells in enumerate(table, 2):
            if not cells:
                continue
            if len(cells) != len(names):
                raise UsageError(f"Line {number} of {path} has {len(cells)} cells where {len(names)} columns are.")
            yield _row(dict(zip(names, map(str.strip, cells), strict=True)), number, usual)
    except csv.Error as error:
        raise UsageError(f"The table {path} is no CSV: {error}.") from error


def _row(cells: dict[str, str], number: int, usual: Place) -> Row:
    changes: dict[str, object] = {}
    if site := cells.get("site"):
        changes["site"] = site
    if zone := cells.get("zone"):
        changes["zone"] = known_zone(zone)
    if line := cells.get("line"):
        changes["lines"] = tuple(parse_line(one.strip()) for one in line.split(BETWEEN_LINES))
    if profile := cells.get("profile"):
        changes["profile"] = _choice({one.name.lower(): one for one in Profile}, profile, number)
    if exits := cells.get("exits"):
        changes["exits"] = _choice({"yes": True, "no": False}, exits, number)
    try:
        fingerprint = parse_fingerprint(cells["serial"], cells["fingerprint"], number)
    except UntrustedInput as error:
        raise UsageError(str(error)) from error
    return Row(cells["serial"], fingerprint, replace(usual, **changes))  # type: ignore[arg-type]


def _choice(choices: dict[str, object], text: str, number: int) -> object:
    if text.lower() not in choices:
        raise UsageError(f"Line {number}: {text!r} is none of {', '.join(choices)}.")
    return choices[text.lower()]
