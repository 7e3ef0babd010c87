"""`safecount-ops run`: count a clip and leave a report. What `make run` calls."""

import json
import time
from importlib.resources import files
from pathlib import Path

import click

from safecount.counting.values import LineSettings
from safecount.edges.video_file import VideoFile
from safecount.errors import UsageError
from safecount_ops.assets import find_asset
from safecount_ops.assets.catalogue import catalogue
from safecount_ops.desk.counting import DEVICE_FPS, Spent, count_clip
from safecount_ops.desk.line_option import default_line, parse_line
from safecount_ops.desk.models import Model, load_model
from safecount_ops.desk.progress import counting_bar
from safecount_ops.desk.report import duration, render
from safecount_ops.desk.result import ClipResult, Collected, line_results
from safecount_ops.desk.truth import Truth, parse_truth, read_truth

DEFAULT_CLIP = "vtest"
TOLERANCE_S = 1.0
FILE = click.Path(path_type=Path)


@click.command("run")
@click.argument("video", required=False)
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="X1,Y1,X2,Y2[:IN-SIDE[:NAME]]",
    help="Counting line, as shares of width and height; IN-SIDE is right, left, down or up.",
)
@click.option("--truth", "truth_file", type=FILE, help="Truth file of the clip: its lines are counted and judged.")
@click.option("--model", help="Name of the model (default: the one that ships, else the registry's).")
@click.option(
    "--fps", type=click.FloatRange(min=0.1), default=DEVICE_FPS, show_default=True, help="Frames taken a second."
)
@click.option("--out", type=FILE, default=Path("build/run"), show_default=True, help="Folder for the report.")
@click.option("--desk-only", is_flag=True, help="Stop at the exact counts; send nothing over a device to a controller.")
def command(  # noqa: PLR0917 - click hands its options over by name
    video: str | None,
    lines: tuple[str, ...],
    truth_file: Path | None,
    model: str | None,
    fps: float,
    out: Path,
    *,
    desk_only: bool,
) -> None:
    """Count people in a clip and leave a report to look at.

    VIDEO is a video file, a folder of pictures, or the name of an asset (default: vtest, a real clip whose truth is
    known). First the desk's view: exact counts, which a device never has. Then the clip as a day at a door, all the way:
    sealed and sent by a device's processes to a collector on this machine, and pulled and opened by a controller.
    """
    if lines and truth_file:
        raise UsageError("A truth file brings its own lines: give either --line or --truth.")
    asked = [parse_line(text, number) for number, text in enumerate(lines, 1)]
    truth = (
        read_truth(truth_file)
        if truth_file
        else _built_in_truth()
        if video in (None, DEFAULT_CLIP) and not lines
        else None
    )
    chosen = load_model(model)
    click.echo(f"Model: {chosen.card.name}. {chosen.why}", err=True)
    result = _count(clip_named(video), chosen, asked, truth, fps)
    report = _write(result, out)
    print(_summary(result))
    if desk_only:
        print(f"Report: {report}")
        return
    from safecount_ops.desk.all_the_way import go_all_the_way, summary  # noqa: PLC0415 - loaded once the clip is counted

    arrived = go_all_the_way(result, out)
    print("\n".join(summary(arrived)))
    print(f"Exact counts, the desk's view:  {report}")
    print(f"What the owner gets, with noise: {arrived.report.absolute()}, and as a table {arrived.rows.name} beside it")


def _built_in_truth() -> Truth:
    text = files("safecount_ops.desk").joinpath("truth_vtest.json").read_text(encoding="utf-8")
    return parse_truth(json.loads(text), "truth_vtest.json")


def clip_named(video: str | None) -> Path | str:
    """A path, an rtsp:// address, or the file of an asset."""
    name = video or DEFAULT_CLIP
    if name.startswith("rtsp://") or Path(name).exists():
        return name
    if name in {asset.name for asset in catalogue() if asset.kind in {"clip", "frames"}}:
        found = find_asset(name)
        return found / "img1" if found.is_dir() else found
    raise UsageError(f"There is no clip {name}; give the path of a video file or of a folder of pictures.")


def _count(path: Path | str, model: Model, asked: list[LineSettings], truth: Truth | None, fps: float) -> ClipResult:
    collected, spent = Collected(), Spent()
    with VideoFile(path, model.card.input, fps, truth.fps if truth else None) as clip:
        lines, why = asked, "As given."
        if truth:
            lines, why = [true.line for true in truth.lines], "The one that the truth of this clip was counted on."
        elif not asked:
            line, why = default_line(clip.picture)
            lines = [line]
        frames = int(clip.frames * min(1.0, fps / clip.clip_fps)) or None
        began = time.perf_counter()
        with counting_bar(Path(path).name, frames) as counted:
            for step in count_clip(clip, model, lines, spent):
                collected.take(step)
                counted(f"{len(collected.crossings)} crossings")
        wall_s = time.perf_counter() - began
        if clip.ended_early:
            click.echo(f"safecount-ops: {clip.ended_early} What came before it was counted.", err=True)
        taken_fps = min(fps, clip.clip_fps)
    return ClipResult(
        clip=Path(path).name if Path(path).name != "img1" else Path(path).parent.name,
        collected=collected,
        lines=line_results(lines, collected.crossings, truth, TOLERANCE_S),
        spent=spent,
        fps=taken_fps,
        wall_s=wall_s,
        model=model.card.name,
        model_hash=model.card.sha256,
        model_why=model.why,
        line_why=why,
        tolerance_s=TOLERANCE_S,
    )


def _write(result: ClipResult, out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        report = out / "report.html"
        report.write_text(render(result), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The report cannot be written into {out} ({error.strerror}); name another folder with --out."
        ) from error
    return report.absolute()


def _summary(result: ClipResult) -> str:
    """A line for each counting line."""
    texts = []
    for line in result.lines:
        parts = []
        for way, direction in zip(("in", "out"), line.directions, strict=True):
            true = line.true(direction)
            parts.append(f"{line.counted(direction)} {way} ({direction}{'' if true is None else f', really {true}'})")
        texts.append(f"{line.line.name}: {', '.join(parts)}")
    speed = result.spent.frames / result.wall_s
    return (
        f"{result.clip}, {duration(result.collected.duration_s)}: {'; '.join(texts)}. "
        f"{result.spent.frames} frames in {result.wall_s:.1f} s ({speed:.0f} a second)."
    )
