"""Local days and their hours as stretches of UTC, with days of 23 and 25 hours where the clocks change.

An hour here is a whole hour since the local day's first moment; the last one of a day is shorter where a zone shifts by
less than an hour (Lord Howe), and a day may begin after midnight where the shift is at midnight (Cairo).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` up to but not including `end_s`, in UTC seconds; it lies in the local date `day`."""

    start_s: int
    end_s: int
    day: date


def day_at(zone: ZoneInfo, utc_s: float) -> Period:
    """The local day that the moment is in."""
    day = datetime.fromtimestamp(utc_s, zone).date()
    end_s = start_s = _first_moment_s(zone, day)
    following = day
    while end_s <= start_s:  # a date that a zone has left out lasts no time (Samoa, 30 December 2011)
        following += timedelta(days=1)
        end_s = _first_moment_s(zone, following)
    return Period(start_s, end_s, day)


def hour_at(zone: ZoneInfo, utc_s: float) -> Period:
    """The hour of its local day that the moment is in."""
    day = day_at(zone, utc_s)
    start_s = day.start_s + int(utc_s - day.start_s) // HOUR_S * HOUR_S
    return Period(start_s, min(start_s + HOUR_S, day.end_s), day.day)


def _first_moment_s(zone: ZoneInfo, day: date) -> int:
    """Midnight, the first of two where it comes twice, or the moment that it is skipped at (PEP 495, fold=0)."""
    return int(datetime.combine(day, time(), zone).astimezone(UTC).timestamp())
