"""`run` and its report: what is in it, what must never be, and what it says of bad input."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from safecount.counting.values import Boxes, LineSettings
from safecount.errors import UsageError
from safecount_ops.desk.counting import Rate, Spent, count_boxes
from safecount_ops.desk.line_option import default_line, parse_line
from safecount_ops.desk.report import duration, how_sure, render
from safecount_ops.desk.result import ClipResult, Collected, line_results
from safecount_ops.desk.truth import Truth, TruthLine

LINE = LineSettings("<door>", "<door>", (0.5, 0.0), (0.5, 1.0), "right")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safecount_ops", "run", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def two_walkers() -> list[Boxes]:
    """One person to the right, over x = 320 at 3 s, and one to the left at 4 s; ten frames a second."""
    frames = []
    for n in range(80):
        right, left = 320 + 12 * (n - 30), 320 - 12 * (n - 40)
        boxes = [(x - 30, y, x + 30, y + 160, 0.9) for x, y in ((right, 50), (left, 300)) if 30 < x < 610]
        frames.append(np.array(boxes, np.float32).reshape(-1, 5))
    return frames


def result(truth: Truth | None) -> ClipResult:
    collected, spent = Collected(), Spent()
    for step in count_boxes(two_walkers(), Rate(10.0), [LINE], (640, 480), spent):
        collected.take(step)
    lines = line_results([LINE], collected.crossings, truth, 1.0)
    return ClipResult("a <b>.mp4", collected, lines, spent, 10.0, 1.0, "none", "", "Boxes.", "As given.", 1.0)


class Tags(HTMLParser):
    """Collects a page's tags and what they refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "srcset"}]


def test_the_report_is_one_file_without_scripts_pictures_or_addresses() -> None:
    page = Tags(render(result(None)))
    assert "svg" in page.tags
    assert not page.tags & {"script", "img", "image", "video", "canvas", "link", "iframe", "object"}
    assert page.references == []
    assert not re.search(r"url\(|data:|@import", render(result(None)))


def test_the_report_shows_counts_truth_and_how_sure_they_are() -> None:
    truth = Truth("clip", 10.0, 80, (640, 480), (TruthLine(LINE, ((3.0, "right"), (6.5, "left"))),))
    page = render(result(truth))
    assert "This is the desk’s view." in page
    assert page.count("really 1") == 2
    assert "Of 2 true crossings 1 missed, 1 extra (paired within 1 s): an error of 100.0%" in page
    assert "a &lt;b&gt;.mp4" in page
    assert "<door>" not in page, "names are text, never markup"


def test_where_the_truth_is_unknown_nothing_is_claimed() -> None:
    plain = result(None)
    assert plain.crossings == 2
    assert "how right these counts are is not known" in how_sure(plain.lines[0], 1.0)
    assert "%" not in how_sure(plain.lines[0], 1.0)


def test_paths_know_which_way_their_person_crossed() -> None:
    assert [path.way for path in result(None).collected.paths.values()] == ["in", "out"]


def test_seconds_are_told_as_a_person_would() -> None:
    assert [duration(4.6), duration(60), duration(113.4)] == ["5 s", "1 min 0 s", "1 min 53 s"]


@pytest.mark.parametrize(
    ("text", "side", "name"),
    [
        ("0.5,0,0.5,1", "right", "line 1"),
        ("0,0.4,1,0.5", "down", "line 1"),
        ("0.5,0,0.5,1:left", "left", "line 1"),
        ("0.5,0,0.5,1::shop", "right", "shop"),
        ("0.5,0,0.5,1:left:north: door", "left", "north: door"),
    ],
)
def test_a_line_is_read_as_it_is_written(text: str, side: str, name: str) -> None:
    line = parse_line(text, 1)
    assert (line.in_side, line.name) == (side, name)


def test_the_default_line_follows_the_shape_of_the_picture() -> None:
    assert default_line((640, 480))[0].in_side == "right"
    assert default_line((480, 640))[0].in_side == "down"


BAD_LINES = [
    ("0.5,0,0.5", "is not of the form"),
    ("a,0,0.5,1", "is not of the form"),
    ("0.5,0,0.5,1:north", "has the in side 'north'"),
    ("0.5,0,1.5,1", "leaves the picture"),
    ("0.5,0.5,0.5,0.5", "has no length"),
    ("0.5,0,0.5,1:down", "in side cannot be 'down'"),
]


@pytest.mark.parametrize(("text", "says"), BAD_LINES)
def test_a_line_that_cannot_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_line(text, 1)


def told_in_one_sentence(done: subprocess.CompletedProcess[str], says: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("safecount-ops: "), done.stderr
    assert says in last


def test_a_bad_line_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    done = run("--line", "0.5,0.5,0.5,0.5", "--out", tmp_path)
    told_in_one_sentence(done, "has no length")
    assert done.stderr.count("\n") == 1


def video(path: Path, frames: int) -> Path:
    """A small grey clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 128, np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.assets
def test_clips_that_cannot_be_counted_are_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no clip at all\n" * 100)
    for clip, says in (
        (tmp_path / "none.mp4", "There is no clip"),
        (tmp_path / "empty", "has no pictures"),
        (tmp_path / "text.mp4", "cannot be opened"),
    ):
        told_in_one_sentence(run(clip, "--out", tmp_path / "out"), says)


@pytest.mark.assets
def test_a_clip_of_ones_own_leaves_a_report_and_one_summary(tmp_path: Path) -> None:
    clip = video(tmp_path / "own.mp4", 20)
    done = run(clip, "--line", "0.5,0,0.5,1:left:door", "--desk-only", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "Model: yolox_nano_320_int8. It is the default.\n"
    summary, report = done.stdout.splitlines()
    assert "door: 0 in (left), 0 out (right). 20 frames in" in summary
    assert report == f"Report: {tmp_path / 'out' / 'report.html'}"
    assert "0 crossings in own.mp4" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.assets
def test_a_report_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, no folder")
    done = run(video(tmp_path / "own.mp4", 3), "--out", tmp_path / "out")
    told_in_one_sentence(done, "name another folder with --out")


@pytest.mark.assets
def test_a_replay_has_the_frames_that_were_counted_in_the_clips_own_size(tmp_path: Path) -> None:
    out = tmp_path / "replay.mp4"
    command = [sys.executable, "-m", "safecount_ops", "replay", str(video(tmp_path / "own.mp4", 20)), "--fps", "5"]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False)
    assert done.stdout == f"Replay: {out}\n", done.stderr
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 10
    assert frames[0].shape == (240, 320, 3)
    line, ground = frames[-1][200, 160], frames[-1][200, 60]
    assert int(line[0]) - int(line[2]) > 80, "the default line is drawn, in yellow"
    assert abs(int(ground[0]) - int(ground[2])) < 10
