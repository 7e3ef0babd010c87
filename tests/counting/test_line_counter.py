from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecount.counting.counting_settings import LineCounterSettings
from safecount.counting.line_counter import LineCounter
from safecount.counting.pipeline import LineCrossings
from safecount.counting.tracker import Tracker
from safecount.counting.values import Anchor, Boxes, LineSettings
from simulators.street import PICTURE, Walker, moved, street, walk

MIDDLE = LineSettings("middle", "front", (0.5, 0.0), (0.5, 1.0), "right")
X = 320.0


def count_frames(frames: Iterable[tuple[Boxes, float]], line: LineSettings = MIDDLE) -> tuple[int, int]:
    way = LineCrossings([line], PICTURE)
    crossed = [crossing.direction for boxes, at_s in frames for crossing in way.count(way.track(boxes, at_s), at_s)]
    return crossed.count("in"), crossed.count("out")


def count(
    walkers: list[Walker], line: LineSettings = MIDDLE, fps: float = 10.0, until_s: float = 20.0
) -> tuple[int, int]:
    return count_frames(street(walkers, fps, until_s), line)


def test_who_crosses_is_counted_once_in_their_direction() -> None:
    assert count([walk((50, 200), (600, 200))]) == (1, 0)
    assert count([walk((600, 200), (50, 200))]) == (0, 1)


@pytest.mark.parametrize("fps", [3.3, 5.0, 7.0, 10.0, 15.0, 30.0])
def test_the_frame_rate_does_not_matter(fps: float) -> None:
    assert count([walk((50, 200), (600, 200)), walk((600, 350), (50, 350), 0.5, 4.5)], fps=fps) == (1, 1)


def test_a_group_side_by_side_is_counted_each() -> None:
    assert count([walk((50, y), (600, y)) for y in (100, 160, 220, 280)]) == (4, 0)


def test_a_queue_close_behind_each_other_is_counted_each() -> None:
    assert count([walk((50, 200), (600, 200), 0.45 * n, 4 + 0.45 * n) for n in range(8)]) == (8, 0)


def test_counter_flow_is_counted_both_ways() -> None:
    rightwards = [walk((50, 100 + 60 * n), (600, 100 + 60 * n), 0.3 * n, 4 + 0.3 * n) for n in range(4)]
    leftwards = [walk((600, 130 + 60 * n), (50, 130 + 60 * n), 0.2 * n, 4 + 0.2 * n) for n in range(4)]
    assert count(rightwards + leftwards) == (4, 4)


def test_loitering_on_the_line_counts_once_when_it_ends() -> None:
    sway = [(2 + 0.5 * n, X + (-1) ** n * 5, 200.0) for n in range(40)]
    assert count([Walker(((0, 50, 200), *sway, (24, 600, 200)))], until_s=30) == (1, 0)


def test_loitering_on_the_line_and_going_back_counts_nothing() -> None:
    sway = [(2 + 0.5 * n, X + (-1) ** n * 5, 200.0) for n in range(40)]
    assert count([Walker(((0, 50, 200), *sway, (24, 50, 200)))], until_s=30) == (0, 0)


def test_turning_back_before_the_line_counts_nothing() -> None:
    assert count([Walker(((0, 50, 200), (2, X - 15, 200), (4, 50, 200)))]) == (0, 0)


def test_turning_back_behind_the_line_counts_in_and_out() -> None:
    assert count([Walker(((0, 50, 200), (2.5, X + 30, 200), (2.8, X + 30, 200), (5.3, 50, 200)))]) == (1, 1)


def test_hidden_for_a_second_at_the_line_is_counted() -> None:
    assert count([Walker(((0, 50, 200), (5, 600, 200)), hidden=((2.0, 3.0),))]) == (1, 0)


def test_passing_beyond_the_end_of_the_line_counts_nothing() -> None:
    short = LineSettings("short", "front", (0.5, 0.0), (0.5, 0.5), "right")
    assert count([walk((50, 400), (600, 400))], short) == (0, 0)
    assert count([walk((50, 120), (600, 120))], short) == (1, 0)


def test_walking_round_the_end_counts_only_the_way_through() -> None:
    short = LineSettings("short", "front", (0.5, 0.0), (0.5, 0.5), "right")
    round_the_end = Walker(((0, 50, 120), (4, 600, 120), (6, 600, 400), (10, 50, 400), (12, 50, 120), (16, 600, 120)))
    assert count([round_the_end], short) == (2, 0)


@pytest.mark.parametrize(("anchor", "entered"), [("top", 0), ("centre", 0), ("bottom", 1)])
def test_the_anchor_is_the_point_that_must_cross(anchor: Anchor, entered: int) -> None:
    low = LineSettings("low", "front", (0.0, 0.9), (1.0, 0.9), "down", anchor)
    assert count([walk((300, 100), (300, 410))], low) == (entered, 0)


def test_several_lines_share_one_tracker() -> None:
    lines = [MIDDLE, LineSettings("late", "back", (0.8, 0.0), (0.8, 1.0), "left")]
    way = LineCrossings(lines, PICTURE)
    crossed = []
    for boxes, at_s in street([walk((50, 200), (600, 200))]):
        crossed += [(c.line, c.door, c.direction) for c in way.count(way.track(boxes, at_s), at_s)]
    assert crossed == [("middle", "front", "in"), ("late", "back", "out")]


def test_sides_are_forgotten() -> None:
    tracker, counter = Tracker(), LineCounter(MIDDLE, PICTURE, LineCounterSettings(memory_s=3.0))
    crowd = [walk((50, 50 + 40 * (n % 10)), (600, 50 + 40 * (n % 10)), n, n + 4) for n in range(60)]
    most = 0
    for boxes, at_s in street(crowd, until_s=80):
        counter.update(tracker.update(boxes, at_s), at_s)
        most = max(most, counter.remembered)
    assert most < 15
    assert counter.remembered == 0


def test_a_band_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="band"):
        LineCounterSettings(band=-0.1)


points = st.tuples(st.floats(20, 620), st.floats(60, 420))
walkers = st.lists(
    st.builds(
        lambda a, b, start, lasts: walk(a, b, start, start + lasts), points, points, st.floats(0, 5), st.floats(2, 6)
    ),
    min_size=1,
    max_size=5,
)


@given(walkers)
@settings(max_examples=60, deadline=None)
def test_the_mirror_image_counts_the_other_way(people: list[Walker]) -> None:
    def mirror(boxes: Boxes) -> Boxes:
        return np.stack((640 - boxes[:, 2], boxes[:, 1], 640 - boxes[:, 0], boxes[:, 3], boxes[:, 4]), 1)

    entered, left = count_frames(moved(street(people, until_s=12), mirror))
    assert count(people, replace(MIDDLE, in_side="left"), until_s=12) == (entered, left)


@given(walkers)
@settings(max_examples=60, deadline=None)
def test_the_other_in_side_swaps_in_and_out(people: list[Walker]) -> None:
    entered, left = count(people, until_s=12)
    assert count(people, replace(MIDDLE, in_side="left"), until_s=12) == (left, entered)


@given(walkers)
@settings(max_examples=60, deadline=None)
def test_the_order_of_a_lines_ends_does_not_matter(people: list[Walker]) -> None:
    turned = replace(MIDDLE, start=MIDDLE.end, end=MIDDLE.start)
    assert count(people, turned, until_s=12) == count(people, until_s=12)


@given(walkers)
@settings(max_examples=60, deadline=None)
def test_nobody_crosses_more_often_than_they_walk(people: list[Walker]) -> None:
    """Each of them walks one straight way: no more crossings than people, whoever hides whom."""
    assert sum(count(people, until_s=12)) <= len(people)


@given(st.floats(1.0, 6.0))
@settings(max_examples=30, deadline=None)
def test_a_bigger_picture_counts_the_same(zoom: float) -> None:
    people = [walk((50, 200), (600, 200)), Walker(((0, 50, 350), (2, X + 30, 350), (4, 50, 350)))]

    def zoomed(boxes: Boxes) -> Boxes:
        return boxes * np.array([zoom, zoom, zoom, zoom, 1], np.float32)

    way = LineCrossings([MIDDLE], (round(640 * zoom), round(480 * zoom)))
    crossed = [c for boxes, at_s in moved(street(people), zoomed) for c in way.count(way.track(boxes, at_s), at_s)]
    assert [c.direction for c in crossed].count("in") == 2
