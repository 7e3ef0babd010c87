"""`safecount-ops evaluate`: the shipped configuration over a clip whose truth is known, and what it missed or invented."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from safecount.counting.values import Crossing
from safecount.edges.video_file import VideoFile
from safecount.errors import UsageError
from safecount_ops.desk.clips import resolve_clip
from safecount_ops.desk.counting import DEVICE_FPS, Rate, Spent, count_boxes, count_clip, image_event
from safecount_ops.desk.matching import Score, score, total
from safecount_ops.desk.models import Model, load_model
from safecount_ops.desk.motchallenge import read_boxes, sequence_info
from safecount_ops.desk.progress import counting_bar
from safecount_ops.desk.truth import Event, Truth, read_truth

FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Judged:
    """One clip, judged: the scores of its lines, the frames a second it was counted at, and the time it took."""

    clip: str
    fps: float
    scores: tuple[Score, ...]
    spent: Spent


@click.command("evaluate")
@click.argument("path", required=False, type=FILE)
@click.option(
    "--truth", "truths", multiple=True, required=True, type=FILE, help="Truth file; may be given several times."
)
@click.option("--root", type=FILE, help="Folder that the truth files' clips are named from.")
@click.option("--tracks", type=FILE, help="Count these boxes (MOTChallenge format) in place of a clip and a model.")
@click.option("--model", help="Name of the model (default: the one that ships).")
@click.option("--model-file", type=FILE, help="File of the model, in place of the one found by its hash.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0.1),
    default=DEVICE_FPS,
    show_default=True,
    help="Frames taken a second, at most those of the clip.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds that a counted and a true crossing may lie apart.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0917 - click hands its options over by name
    path: Path | None,
    truths: tuple[Path, ...],
    root: Path | None,
    tracks: Path | None,
    model: str | None,
    model_file: Path | None,
    fps: float,
    tolerance: float,
    *,
    as_json: bool,
) -> None:
    """Count a clip whose truth is known with the shipped configuration, and tell what was missed and what was extra.

    PATH is the clip, or a folder of frames, where it is not the one that the truth file names. Counted and true crossings
    are paired one to one, in the same direction and at most --tolerance seconds apart. The event error is
    (missed + extra) / true, with an exact Poisson interval of 95 %.
    """
    if len(truths) > 1 and (path or tracks):
        raise UsageError("A PATH or --tracks belongs to one clip: give one --truth with it.")
    if tracks and model:
        raise UsageError("--tracks counts boxes without a model: leave out --model.")
    if tracks:
        judged = [_judge_boxes(read_truth(truths[0]), tracks, fps, tolerance)]
        name = "none (boxes)"
    else:
        chosen = load_model(model, model_file)
        name = chosen.card.name
        judged = []
        for file in truths:
            truth = read_truth(file)
            clip = resolve_clip(truth, file, root, path)
            judged.append(_judge_clip(truth, clip, chosen, fps, tolerance))
    if as_json:
        print(json.dumps(_as_json(judged, name), indent=1))
    else:
        _show(judged, name)


def _judge_clip(truth: Truth, path: Path, model: Model, fps: float, tolerance_s: float) -> Judged:
    lines = [true.line for true in truth.lines]
    spent = Spent()
    crossings: list[Crossing] = []
    with VideoFile(path, model.card.input, min(fps, truth.fps), truth.fps) as clip:
        if clip.picture != truth.size:
            raise UsageError(
                f"The clip {path} is {clip.picture[0]} x {clip.picture[1]}, but its truth file was made for "
                f"{truth.size[0]} x {truth.size[1]}; give the clip that belongs to it."
            )
        with counting_bar(path.name, int(truth.frames * min(fps / truth.fps, 1)) or None) as counted:
            for step in count_clip(clip, model, lines, spent):
                crossings.extend(step.crossings)
                counted(f"{len(crossings)} crossings")
        # One second short is how clips are cut; more would count people as missed whom nobody could see.
        if clip.ended_early or clip.index + 1 + truth.fps < truth.frames:
            raise UsageError(
                f"The clip {path} ends after {clip.index + 1} frames of the {truth.frames} that its truth file speaks of "
                f"({clip.ended_early or 'no more frames'}); get it whole."
            )
    return Judged(truth.clip, min(fps, truth.fps), _scores(truth, crossings, tolerance_s), spent)


def _judge_boxes(truth: Truth, tracks: Path, fps: float, tolerance_s: float) -> Judged:
    boxes = read_boxes(tracks)
    info = sequence_info(tracks)
    rate = Rate(info.fps if info else truth.fps, fps)
    lines = [true.line for true in truth.lines]
    spent = Spent()
    size = info.size if info else truth.size
    crossings = [crossing for step in count_boxes(boxes, rate, lines, size, spent) for crossing in step.crossings]
    return Judged(str(tracks), rate.fps, _scores(truth, crossings, tolerance_s), spent)


def _scores(truth: Truth, crossings: list[Crossing], tolerance_s: float) -> tuple[Score, ...]:
    scores = []
    for true in truth.lines:
        counted: list[Event] = [
            image_event(crossing, true.line) for crossing in crossings if crossing.line == true.line.name
        ]
        scores.append(score(true.line.name, true.directions, true.events, counted, tolerance_s))
    return tuple(scores)


def _as_json(judged: list[Judged], model: str) -> dict[str, Any]:
    """The format that docs/evaluation.md tells; keys are only ever added."""
    scores = [one for clip in judged for one in clip.scores]
    return {
        "lines": [{**_score_json(one), "clip": clip.clip} for clip in judged for one in clip.scores],
        "total": {**_score_json(total(scores)), "count_error": sum(one.count_error for one in scores)},
        "ms": _all_spent(judged).ms_per_frame,
        "model": model,
        "fps": max(clip.fps for clip in judged),
        "clips": [{"clip": clip.clip, "fps": clip.fps, "frames": clip.spent.frames} for clip in judged],
    }


def _score_json(one: Score) -> dict[str, Any]:
    error, interval = one.event_error, one.interval
    return {
        "name": one.name,
        "truth": one.truth,
        "counted": one.counted,
        "missed": one.missed,
        "extra": one.extra,
        "event_error": None if error is None else round(error, 6),
        "interval": None if interval is None else [round(end, 6) for end in interval],
        "count_error": one.count_error,
    }


def _all_spent(judged: list[Judged]) -> Spent:
    whole = Spent(sum(clip.spent.frames for clip in judged))
    for clip in judged:
        for stage, seconds in clip.spent.stages.items():
            whole.stages[stage] = whole.stages.get(stage, 0.0) + seconds
    return whole


def _show(judged: list[Judged], model: str) -> None:
    table = Table("clip", "line", "truth", "counted", "missed", "extra", "event error", "95 % interval")
    scores = [one for clip in judged for one in clip.scores]
    for clip in judged:
        for one in clip.scores:
            table.add_row(Path(clip.clip.split(",")[0]).name, *_row(one))
    if len(scores) > 1:
        table.add_section()
        table.add_row("all", *_row(total(scores)))
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(table)
    rates = ", ".join(sorted({f"{clip.fps:g}" for clip in judged}))
    spent = " + ".join(f"{stage} {ms:.2f}" for stage, ms in _all_spent(judged).ms_per_frame.items())
    console.print(f"model {model}, {rates} frames a second; ms a frame: {spent}")


def _row(one: Score) -> list[str]:
    def numbers(counts: dict[Any, int]) -> str:
        return ", ".join(f"{number} {direction}" for direction, number in counts.items() if number) or "0"

    error, interval = one.event_error, one.interval
    share = "-" if error is None else f"{error:.1%}"
    ends = "-" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}"
    return [one.name, numbers(one.truth), numbers(one.counted), str(one.missed), str(one.extra), share, ends]
