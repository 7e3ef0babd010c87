import numpy as np
import pytest

from safecount.counting.counting_settings import TrackerSettings
from safecount.counting.tracker import Tracker
from simulators.street import Walker, street, walk


def numbers_seen(walkers: list[Walker], settings: TrackerSettings | None = None, fps: float = 10.0) -> list[set[int]]:
    tracker = Tracker(settings)
    return [{track.number for track in tracker.update(boxes, at_s)} for boxes, at_s in street(walkers, fps)]


def everyone(seen: list[set[int]]) -> set[int]:
    return set().union(*seen)


def test_one_walker_is_one_track() -> None:
    assert len(everyone(numbers_seen([walk((50, 200), (600, 200))]))) == 1


def test_a_track_counts_only_once_it_is_confirmed() -> None:
    seen = numbers_seen([walk((50, 200), (600, 200))])
    assert seen[0] == set()
    assert len(seen[1]) == 1


def test_a_box_seen_once_is_nobody() -> None:
    assert everyone(numbers_seen([walk((50, 200), (52, 200), 0.0, 0.05)])) == set()


@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0])
def test_two_who_meet_keep_their_numbers(fps: float) -> None:
    seen = numbers_seen([walk((50, 200), (600, 200)), walk((600, 230), (50, 230))], fps=fps)
    assert len(everyone(seen)) == 2


def test_a_second_behind_a_pillar_is_remembered() -> None:
    hidden = Walker(((0, 50, 200), (5, 600, 200)), hidden=((2.0, 3.0),))
    assert len(everyone(numbers_seen([hidden]))) == 1


def test_who_was_away_longer_than_the_memory_is_somebody_new() -> None:
    hidden = Walker(((0, 50, 200), (8, 90, 200)), hidden=((2.0, 6.0),))
    assert len(everyone(numbers_seen([hidden]))) == 2


def test_a_weak_box_continues_a_track_but_begins_none() -> None:
    weak = walk((50, 200), (600, 200))
    assert everyone(numbers_seen([Walker(weak.points, score=0.3)])) == set()
    tracker = Tracker()
    strong_then_weak = [b * [1, 1, 1, 1, 1 if at_s < 1 else 0.35] for b, at_s in street([weak], until_s=4)]
    seen = [tracker.update(b.astype(np.float32), n / 10) for n, b in enumerate(strong_then_weak)]
    assert len({track.number for tracks in seen for track in tracks}) == 1
    assert len(seen[-1]) == 1


def test_a_child_beside_an_adult_is_not_mistaken_for_them() -> None:
    adult = Walker(((0, 50, 200), (2, 300, 200)))
    child = Walker(((2.2, 330, 220), (4, 600, 220)), scale=0.35)
    assert len(everyone(numbers_seen([adult, child]))) == 2


def test_memory_is_bounded() -> None:
    settings = TrackerSettings(max_tracks=10)
    tracker = Tracker(settings)
    rng = np.random.default_rng(1)
    for frame in range(200):
        corners = rng.uniform(0, 5000, (50, 2))
        boxes = np.concatenate((corners, corners + 50, np.full((50, 1), 0.9)), 1).astype(np.float32)
        tracker.update(boxes, frame / 10)
        assert tracker.remembered <= 10
    tracker.update(np.empty((0, 5), np.float32), 100.0)
    assert tracker.remembered == 0


def test_boxes_without_area_are_nobody() -> None:
    tracker = Tracker()
    flat = np.array([[10, 10, 10, 50, 0.9], [20, 50, 40, 20, 0.9]], np.float32)
    for frame in range(5):
        assert list(tracker.update(flat, frame / 10)) == []


def test_time_never_goes_back() -> None:
    tracker = Tracker()
    tracker.update(np.empty((0, 5), np.float32), 5.0)
    with pytest.raises(ValueError, match="order of time"):
        tracker.update(np.empty((0, 5), np.float32), 4.0)


@pytest.mark.parametrize("wrong", [{"weak_score": 0.6}, {"memory_s": 0}, {"size_gain": 0}, {"confirm_hits": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        TrackerSettings(**wrong)  # type: ignore[arg-type]  # numbers of either kind, on purpose
