"""The table and what is made of it: near the truth, no data never zero, every event told, and the same in each format."""

import csv
import io
import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from safecount_ops.controller.counts import Told
from safecount_ops.controller.export import (
    SCHEMA,
    WRITERS,
    rows_of,
    to_csv,
    to_json,
    to_parquet,
    to_sqlite,
    write_parquet_days,
)
from safecount_ops.controller.report import Heading, people, render
from safecount_ops.controller.table import Row, Status, Table, make_table
from simulators.door_history import DoorHistory, shop_hours
from simulators.records import HOUR_RECORD


@pytest.fixture(scope="module")
def history() -> DoorHistory:
    """Three days: a power cut over noon of the second, and a restart in order on the third."""
    days = DoorHistory()
    days.run(24 + 11.5, shop_hours)
    days.off(4)
    days.run(8.5 + 15.2, shop_hours)
    days.stop_in_order()
    days.run(9, shop_hours)
    return days


@pytest.fixture(scope="module")
def table(history: DoorHistory) -> Table:
    return make_table([Told("counter-7", 1, record) for record in history.records])


def days_of(table: Table, door: str = "north") -> list[Row]:
    return [row for row in table.days if row.door == door]


def test_days_are_as_near_the_truth_as_they_say(table: Table, history: DoorHistory) -> None:
    whole = days_of(table)[0]
    assert whole.status is Status.COUNTED
    assert whole.entered is not None
    off = abs(whole.entered.value - history.truth["north", whole.day.isoformat()])
    assert off <= 2 * whole.entered.half_width
    assert whole.watched_s == whole.length_s == 86_400


def test_a_day_with_a_power_cut_is_partly_counted_and_says_so(table: Table) -> None:
    second = days_of(table)[1]
    assert second.status is Status.PARTLY
    assert second.noisy_entered is None
    assert second.entered is not None
    lost = [row for row in table.hours if row.door == "north" and row.status is Status.LOST]
    assert len(lost) == 4
    assert all(row.entered is None and row.watched_s == 0 for row in lost)
    texts = [event.text for event in table.events if event.door == "north"]
    assert "counter-7 was started again." in texts
    assert any(text.startswith("4 hours were lost") for text in texts)


def test_after_a_restart_in_order_the_day_holds_the_hours_after_it_too(table: Table, history: DoorHistory) -> None:
    third = days_of(table)[2]
    assert third.entered is not None
    assert third.noisy_entered is not None
    truth = history.truth["north", third.day.isoformat()]
    assert abs(third.entered.value - truth) < 60 + third.entered.half_width, "all but the hour of the restart"
    assert third.noisy_entered < truth - 60


def test_hours_without_a_record_are_missing_and_never_zero() -> None:
    told = [Told("c", 1, replace(HOUR_RECORD, start_s=HOUR_RECORD.start_s + 3600 * n)) for n in (0, 1, 4)]
    table = make_table(told)
    assert [row.status for row in table.hours] == [Status.COUNTED] * 2 + [Status.MISSING] * 2 + [Status.COUNTED]
    assert [row.entered for row in table.hours[2:4]] == [None, None]
    assert "No record of 2 hours" in table.events[0].text


def test_a_clock_years_ahead_makes_one_event_and_no_million_of_rows() -> None:
    told = [Told("c", 1, replace(HOUR_RECORD, start_s=start)) for start in (0, 2**39)]
    table = make_table(told)
    assert len(table.hours) == 2
    assert len(table.events) == 1


def test_two_devices_at_one_door_are_told_and_not_added() -> None:
    less = replace(HOUR_RECORD, entered=7, coverage_s=1800)
    table = make_table([Told("a", 1, less), Told("b", 1, HOUR_RECORD)])
    assert [row.noisy_entered for row in table.hours] == [HOUR_RECORD.entered]
    assert any("a and b both counted" in event.text for event in table.events)


def test_a_new_chain_another_device_and_another_rule_are_told() -> None:
    hours = [replace(HOUR_RECORD, start_s=HOUR_RECORD.start_s + 3600 * n) for n in range(4)]
    told = [
        Told("a", 1, hours[0]),
        Told("a", 2, hours[1]),
        Told("b", 1, hours[2]),
        Told("b", 1, replace(hours[3], rule="line-2")),
    ]
    texts = " ".join(event.text for event in make_table(told).events)
    for word in ("begun a new chain", "by b from here on, before by a", "rule line-2"):
        assert word in texts


def test_every_format_holds_the_same(table: Table, tmp_path: Path) -> None:
    rows = rows_of(table)
    of_json = json.loads(to_json(rows))
    of_parquet = pq.read_table(io.BytesIO(to_parquet(rows))).to_pylist()
    (tmp_path / "t.sqlite").write_bytes(to_sqlite(rows))
    db = sqlite3.connect(tmp_path / "t.sqlite")
    of_sqlite = [dict(zip(SCHEMA.names, row, strict=True)) for row in db.execute("SELECT * FROM counts")]
    db.close()
    of_csv = list(csv.DictReader(io.StringIO(to_csv(rows).decode())))
    assert of_json == of_parquet == of_sqlite
    assert [{name: "" if cell is None else str(cell) for name, cell in one.items()} for one in of_json] == of_csv
    assert set(WRITERS) == {"csv", "json", "parquet", "sqlite"}


def test_a_door_named_like_a_formula_is_harmless_in_a_spreadsheet() -> None:
    table = make_table([Told("c", 1, replace(HOUR_RECORD, door='=HYPERLINK("x")', entered=-4))])
    (row, _) = csv.DictReader(io.StringIO(to_csv(rows_of(table)).decode()))
    assert row["door"].startswith("'=")
    assert row["noisy_entered"] == "-4"


def test_parquet_lies_by_site_and_day_and_names_cannot_leave_the_folder(table: Table, tmp_path: Path) -> None:
    assert write_parquet_days(tmp_path, table) == 3
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet"))
    assert written[0] == "site=station/2026-06-08.parquet"
    first = (tmp_path / written[0]).stat().st_mtime_ns
    write_parquet_days(tmp_path, table)
    assert (tmp_path / written[0]).stat().st_mtime_ns == first, "an unchanged day is left alone"
    shutil.rmtree(tmp_path / "site=station")
    write_parquet_days(tmp_path, make_table([Told("c", 1, replace(HOUR_RECORD, site="../../x/.."))]))
    assert [path.name for path in tmp_path.iterdir()] == ["site=..%2F..%2Fx%2F.."]


def test_the_report_shows_counts_holes_events_and_no_script(table: Table) -> None:
    page = render(table, ["Every signature holds <really>."], Heading("Doors & people", 1_781_100_000))
    assert "<script" not in page
    assert "Every signature holds &lt;really&gt;." in page
    assert "Doors &amp; people" in page
    assert page.count("<svg") == 4
    assert "no data" in page or "Grey" in page
    assert "4 hours were lost" in page
    assert people(days_of(table)[0].entered) in page


def test_no_data_is_said_and_not_shown_as_a_number() -> None:
    assert people(None) == "no data"


def test_only_days_asked_for(history: DoorHistory) -> None:
    wanted = [Told("c", 1, one) for one in history.records if one.day == date(2026, 6, 9)]
    assert {row.day for row in make_table(wanted).days} == {date(2026, 6, 9)}
