"""What `make run` does after counting: the clip as a day at two doors, over the device's own processes and a collector
on this machine to the controller's report.
"""

import csv
from datetime import date

import pytest

from safecount.counting.values import LineSettings
from safecount_ops.controller.table import Status
from safecount_ops.desk.all_the_way import Arrived, go_all_the_way, summary
from safecount_ops.desk.counting import Spent
from safecount_ops.desk.day import LONG_CLIP_S, ClipDay, Door, doors_of
from safecount_ops.desk.result import ClipResult, Collected, LineResult

LINE = LineSettings('"north" door', '"north" door', (0.5, 0.0), (0.5, 1.0), "right")
COUNTED = ((3.0, "right"), (4.0, "left"), (7.0, "right"))
TRUE = ((3.1, "right"), (4.0, "left"), (4.2, "left"), (7.0, "right"))
FAR = 150
"""Noise this large comes about once in 10^12 days."""


def result(clip: str, duration_s: float) -> ClipResult:
    line = LineResult(LINE, COUNTED, TRUE)  # type: ignore[arg-type]
    collected = Collected((640, 480), duration_s)
    return ClipResult(clip, collected, (line,), Spent(), 10.0, 1.0, "boxes", "", "Boxes.", "As given.", 1.0)


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Arrived:
    return go_all_the_way(result("a <clip> \\ of ours.mp4", 40.0), tmp_path_factory.mktemp("out"))


def test_a_clip_comes_out_at_the_controller_as_a_day_at_two_doors(arrived: Arrived) -> None:
    assert [(row.site, row.door) for row in arrived.table.days] == [
        ("a <clip> \\ of ours.mp4", '"north" door, left'),
        ("a <clip> \\ of ours.mp4", '"north" door, right'),
    ]
    assert [row.status for row in arrived.table.hours] == [Status.COUNTED] * 48
    assert arrived.table.events == ()
    for row, counted in zip(arrived.table.days, ((4.0,), (3.0, 7.0)), strict=True):
        assert row.entered is not None
        assert abs(row.entered.value - len(arrived.day.moments(counted))) < FAR
        assert row.noisy_entered is not None


def test_the_owners_page_has_intervals_the_truth_and_a_verdict_and_the_table_lies_beside_it(arrived: Arrived) -> None:
    page = arrived.report.read_text(encoding="utf-8")
    assert "a &lt;clip&gt;" in page
    assert "Checked: 51 envelopes of 1 device in 1 chain." in page, (
        "48 hours, 2 days and one of health, and each verified"
    )
    assert "none removed" in page
    assert "Diamonds" in page
    rows = list(csv.DictReader(arrived.rows.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 50
    assert all(float(row["entered_low"]) < float(row["entered"]) < float(row["entered_high"]) for row in rows)


def test_the_summary_tells_estimate_count_and_truth_of_each_door(arrived: Arrived) -> None:
    told = "\n".join(summary(arrived))
    assert "50 records sealed, sent, stored, pulled and opened" in told
    for door in arrived.day.doors:
        saw, really = len(arrived.day.moments(door.counted_s)), len(arrived.day.moments(door.true_s or ()))
        assert f"counted {saw}, really {really}" in told


def test_a_day_of_the_clip_has_quiet_and_busy_hours_and_night() -> None:
    day = ClipDay("site", doors_of(result("clip", 40.0)), 40.0, date(2026, 3, 1))
    by_hour = day.by_hour(day.doors[0].counted_s)
    hours = sorted((start_s - day.start_s) // 3600 for start_s in by_hour)
    assert hours == list(range(8, 20))
    assert max(by_hour.values()) > 3 * min(by_hour.values()) > 0


@pytest.mark.parametrize("clip_s", [0.0, 1.0, 40.0, LONG_CLIP_S * 40.0])
def test_of_a_clip_of_any_length_the_last_second_is_shown_on_that_day(clip_s: float) -> None:
    day = ClipDay("site", (Door("a", LINE, (clip_s,), None),), clip_s, date(2026, 3, 1))
    moments = day.moments((clip_s,))
    assert moments
    assert moments == sorted(moments)
    assert all(day.start_s <= at < day.start_s + 86_400 for at in moments)
