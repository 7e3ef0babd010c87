from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.counting.local_days import day_at, hour_at

ZONES = [
    "Europe/Berlin",
    "UTC",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Havana",
    "Pacific/Apia",
]


def hours_of(zone: ZoneInfo, day: date) -> list[int]:
    """The lengths of the hours of the local day that holds noon of `day`."""
    whole = day_at(zone, datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp())
    lengths, next_s = [], whole.start_s
    while next_s < whole.end_s:
        hour = hour_at(zone, next_s)
        assert (hour.start_s, hour.day) == (next_s, day)
        lengths.append(hour.end_s - hour.start_s)
        next_s = hour.end_s
    assert next_s == whole.end_s
    return lengths


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 6, 10), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Kathmandu", date(2026, 6, 10), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),
        ("America/Havana", date(2026, 11, 1), 25),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_say(zone: str, day: date, hours: int) -> None:
    assert hours_of(ZoneInfo(zone), day) == [3600] * hours


def test_a_shift_of_half_an_hour_leaves_a_short_last_hour() -> None:
    assert hours_of(ZoneInfo("Australia/Lord_Howe"), date(2026, 10, 4)) == [3600] * 23 + [1800]
    assert hours_of(ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5)) == [3600] * 24 + [1800]


def test_a_date_that_was_left_out_has_no_day() -> None:
    apia = ZoneInfo("Pacific/Apia")
    last = day_at(apia, datetime(2011, 12, 29, 12, tzinfo=apia).timestamp())
    assert day_at(apia, last.end_s).day == date(2011, 12, 31)
    assert last.end_s - last.start_s == 86_400


@given(st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)), st.integers(0, 10**6))  # noqa: DTZ001 - made aware below
def test_every_moment_is_in_one_hour_of_one_day(name: str, moment: datetime, micros: int) -> None:
    zone = ZoneInfo(name)
    utc = moment.replace(tzinfo=UTC) + timedelta(microseconds=micros)
    hour, day = hour_at(zone, utc.timestamp()), day_at(zone, utc.timestamp())
    assert day.start_s <= hour.start_s <= utc.timestamp() < hour.end_s <= day.end_s
    assert hour.day == day.day == utc.astimezone(zone).date()
    assert day_at(zone, day.end_s).start_s == day.end_s
    assert day_at(zone, day.end_s).day > day.day
