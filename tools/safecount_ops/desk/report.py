"""The report of `run`: one HTML file that needs no network, runs no script and holds no pixel of the clip."""

from collections import Counter
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from safecount import __version__
from safecount_ops.desk.charts import drawings
from safecount_ops.desk.result import LEAST_PATH_POINTS, ClipResult, LineResult

WORDS = {"right": "to the right →", "left": "to the left ←", "down": "downwards ↓", "up": "upwards ↑"}
STAGE_WORDS = {
    "video": "read and fit the video",
    "invoke": "run the model",
    "decode": "decode its boxes",
    "track": "follow people",
    "count": "watch the lines",
}


def render(result: ClipResult) -> str:
    """The report as HTML text."""
    scene, timelines = drawings(result)
    stages = result.spent.ms_per_frame
    paths = [path for path in result.collected.paths.values() if len(path.points) >= LEAST_PATH_POINTS]
    ways = Counter(path.way for path in paths)
    others = sum(stages.get(stage, 0.0) for stage in ("decode", "track", "count"))
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        files("safecount_ops.desk").joinpath("report.html").read_text(encoding="utf-8")
    )
    return page.render(
        result=result,
        lines=list(zip(result.lines, timelines, strict=True)),
        scene=scene,
        words=WORDS,
        sure=[how_sure(line, result.tolerance_s) for line in result.lines],
        minutes=duration(result.collected.duration_s),
        paths=len(paths),
        ways={way: ways[way] for way in ("in", "out", "no line")},
        stages=list(stages.items()),
        slowest=max([*stages.values(), 1e-9]),
        stage_words=STAGE_WORDS,
        share=others / stages["invoke"] if stages.get("invoke") else None,
        version=__version__,
    )


def how_sure(line: LineResult, tolerance_s: float) -> str:
    """One sentence on how far the counts of a line can be trusted; nothing is claimed where the truth is not known."""
    if line.score is None:
        return (
            "Nobody has counted this line by eye, so how right these counts are is not known. "
            "Write down who really crossed (docs/evaluation.md) and run safecount-ops evaluate."
        )
    judged = line.score
    if judged.interval is None or judged.event_error is None:
        return f"Nobody really crossed; {judged.extra} were counted."
    low, high = judged.interval
    found = "all were found, and none besides" if not judged.wrong else f"{judged.missed} missed, {judged.extra} extra"
    return (
        f"Of {sum(judged.truth.values())} true crossings {found} (paired within {tolerance_s:g} s): an error of "
        f"{judged.event_error:.1%}, with so few crossings anything from {low:.1%} to {high:.1%} (95 % interval)."
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
