"""`evaluate` through the real command line: its JSON, its pairing, and what it says of bad input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safecount.errors import UsageError
from safecount_ops.desk.counting import thinned
from safecount_ops.desk.motchallenge import read_boxes, sequence_info
from safecount_ops.desk.truth import parse_truth

FPS = 10


def truth_table(**changes: object) -> dict[str, Any]:
    """Three people cross the middle of a 640 x 480 picture: two to the right, at 2 s and 5 s, one to the left at 8 s."""
    events = [{"frame": n, "pm": 2, "dir": way} for n, way in ((20, "right"), (50, "right"), (80, "left"))]
    line = {
        "name": "middle", "line": [0.5, 0, 0.5, 1], "anchor": "box centre",
        "counts": {"right": 2, "left": 1}, "events": events,
    }  # fmt: skip
    return {"clip": "clip.mp4", "fps": FPS, "frames": 100, "size": [640, 480], "lines": [line], **changes}


def walkers(path: Path, crossings: list[tuple[float, int]]) -> Path:
    """A MOTChallenge file of people, 60 x 160, who walk 120 pixels a second and are at x = 320 at the given second."""
    rows = []
    for person, (at_s, way) in enumerate(crossings):
        for frame in range(100):
            x = 320 + way * 120 * (frame / FPS - at_s)
            if 40 < x < 600:
                rows.append(f"{frame + 1},{person + 1},{x - 30:.1f},{100 + 90 * (person % 2)},60,160,1,1,1")
    path.write_text("\n".join(rows) + "\n")
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safecount_ops", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth_table()))
    return path


def test_boxes_alone_are_counted_and_judged(tmp_path: Path, truth: Path) -> None:
    boxes = walkers(tmp_path / "gt.txt", [(2.0, 1), (5.0, 1), (8.0, -1)])
    done = run("evaluate", "--truth", truth, "--tracks", boxes, "--json")
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["fps"] == FPS
    assert set(told["ms"]) == {"track", "count"}
    line = told["lines"][0]
    assert line["name"] == "middle"
    assert line["truth"] == line["counted"] == {"right": 2, "left": 1}
    assert (line["missed"], line["extra"], line["event_error"]) == (0, 0, 0.0)
    assert line["interval"] == [0.0, pytest.approx(3.689 / 3, rel=1e-3)]


def test_who_crosses_at_another_time_is_both_missed_and_extra(tmp_path: Path, truth: Path) -> None:
    boxes = walkers(tmp_path / "gt.txt", [(2.0, 1), (6.5, 1), (8.0, -1)])
    line = json.loads(run("evaluate", "--truth", truth, "--tracks", boxes, "--json").stdout)["lines"][0]
    assert line["truth"] == line["counted"]
    assert (line["missed"], line["extra"]) == (1, 1)
    wide = run("evaluate", "--truth", truth, "--tracks", boxes, "--json", "--tolerance", 2)
    assert json.loads(wide.stdout)["lines"][0]["event_error"] == 0.0


def test_the_table_is_for_people(tmp_path: Path, truth: Path) -> None:
    done = run("evaluate", "--truth", truth, "--tracks", walkers(tmp_path / "gt.txt", [(2.0, 1)]))
    assert done.returncode == 0
    assert "2 right, 1 left" in done.stdout
    assert "66.7%" in done.stdout


def test_frames_are_thinned_to_a_steady_rate_and_never_made_up() -> None:
    assert list(thinned(10, 25.0, 10.0)) == [0, 3, 5, 8]
    assert list(thinned(5, 7.0, 10.0)) == [0, 1, 2, 3, 4]
    assert list(thinned(4, 10.0, 10.0)) == [0, 1, 2, 3]
    assert list(thinned(7, 10.0, 5.0)) == [0, 2, 4, 6]


def test_what_a_ground_truth_does_not_judge_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nframeRate=25\nimWidth=640\nimHeight=480\n")
    file = tmp_path / "gt.txt"
    file.write_text("1,1,10,20,30,40,1,1,1\n1,2,0,0,9,9,0,1,1\n3,1,0,0,9,9,1,7,1\n4,1,0,0,9,9,-1,-1,-1\n")
    frames = read_boxes(file)
    assert [len(boxes) for boxes in frames] == [1, 0, 0, 1]
    np.testing.assert_array_equal(frames[0], np.array([[10, 20, 40, 60, 1]], np.float32))
    info = sequence_info(file)
    assert info is not None
    assert (info.fps, info.size) == (25.0, (640, 480))


BAD_TRUTHS: list[tuple[dict[str, object], str]] = [
    ({"fps": 0}, "fps and size must be above 0"),
    ({"lines": []}, "it needs lines"),
    ({"lines": [{"name": "a"}]}, "lacks 'line'"),
    ({"lines": "x"}, "is no truth file"),
    ({"lines": [{"name": "a", "line": [0.5, 0, 0.5, 1], "counts": {"right": 1}, "events": []}]}, "lists 0 such"),
    ({"lines": [{"name": "a", "line": [0, 0, 1], "counts": {}, "events": []}]}, "not enough values"),
    ({"lines": [{"name": "a", "line": [0, 0, 1, 1], "counts": {"north": 0}, "events": []}]}, "'north' is no direction"),
    (
        {"lines": [{"name": "a", "line": [0, 0, 1, 1], "anchor": "nose", "counts": {}, "events": []}]},
        "has the anchor 'nose'",
    ),
]


@pytest.mark.parametrize(("changes", "says"), BAD_TRUTHS)
def test_a_truth_file_that_does_not_fit_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_truth(truth_table(**changes), "truth.json")


def test_bad_input_is_one_sentence_on_stderr_and_no_traceback(tmp_path: Path, truth: Path) -> None:
    rubbish = tmp_path / "rubbish.txt"
    rubbish.write_text("1,2,three\n")
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    slanted = tmp_path / "outside.json"
    outside = truth_table()
    outside["lines"][0]["line"] = [1.5, 0, 1.5, 1]
    slanted.write_text(json.dumps(outside))
    boxes = walkers(tmp_path / "gt.txt", [(2.0, 1)])
    for arguments, says in (
        (("--truth", tmp_path / "none.json", "--tracks", boxes), "none.json cannot be read"),
        (("--truth", rubbish, "--tracks", boxes), "is not valid JSON"),
        (("--truth", truth, "--tracks", rubbish), "line 1 is not a box"),
        (("--truth", truth, "--tracks", empty), "holds no boxes"),
        (("--truth", truth, "--tracks", tmp_path / "no.txt"), "no.txt cannot be read"),
        (("--truth", slanted, "--tracks", boxes), "leaves the picture"),
        (("--truth", truth, "--truth", truth, "--tracks", boxes), "give one --truth"),
        (("--truth", truth, "--tracks", boxes, "--model", "x"), "leave out --model"),
        (("--truth", truth, "--model", "yolo99"), "no model 'yolo99'"),
    ):
        done = run("evaluate", *arguments)
        assert done.returncode != 0
        assert done.stdout == ""
        assert says in done.stderr
        assert done.stderr.startswith("safecount-ops: ")
        assert done.stderr.count("\n") == 1, done.stderr
