"""What the whole way costs beside the model alone: frames a second, ms a stage, import time, memory.

Everything is measured in one run, in turns, so that a busy machine slows both sides alike; the figures of interest are
ratios. Frames lie ready at the model's size, as the camera edge delivers them: reading a video is not part of a device.
Prints a table and writes build/bench/pipeline.json.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from safecount.counting.counting_settings import TrackerSettings
from safecount.counting.pipeline import LineCrossings, Pipeline
from safecount.counting.values import Frame, LineSettings
from safecount.edges.video_file import VideoFile
from safecount_ops.assets import find_asset
from safecount_ops.desk.models import Model, load_model

ROUNDS = 3
FRAMES = 150
OUT = Path("build/bench/pipeline.json")
# The counter without the model: everything of safecount.counting, nothing of an edge.
COUNTER = (
    "import safecount.counting.pipeline, safecount.counting.decode, safecount.counting.aggregator, "
    "safecount.counting.values as v, numpy as np; "
    "way = safecount.counting.pipeline.LineCrossings([v.LineSettings('a', 'a', (.5, 0.), (.5, 1.), 'right')], (640, 480)); "
    "[way.count(way.track(np.array([[n, 9, n + 60, 200, .9]], np.float32), n / 10), n / 10) for n in range(600)]; "
    "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')][0])"
)


def frames_of(model: Model) -> list[Frame]:
    """Frames of a real clip with people, copied out of the source's buffer."""
    with VideoFile(find_asset("vtest"), model.card.input) as clip:
        return [
            Frame(frame.pixels.copy(), frame.picture, frame.captured_at_s)
            for frame, _ in zip(clip, range(FRAMES), strict=False)
        ]


def rounds(model: Model, frames: list[Frame]) -> dict[str, Any]:
    """Bare invoke and the whole pipeline, in turns over the same frames; medians over the frames of all rounds."""
    line = LineSettings("x62", "door", (0.62, 0.15), (0.62, 1.0), "right")
    settings = TrackerSettings(strong_score=model.card.strong_score, weak_score=model.card.weak_score)
    bare: list[float] = []
    whole: list[float] = []
    stages: dict[str, list[float]] = {"invoke": [], "decode": [], "track": [], "count": []}
    for frame in frames[:20]:
        model.detector.invoke(frame.pixels)  # warm caches
    for _ in range(ROUNDS):
        pipeline = Pipeline(
            model.detector, model.decode, LineCrossings([line], frames[0].picture, settings), time.thread_time
        )
        for frame in frames:
            began = time.thread_time()
            model.detector.invoke(frame.pixels)
            between = time.thread_time()
            before = {stage: getattr(pipeline.seconds, stage) for stage in stages}
            pipeline.step(frame)
            whole.append(time.thread_time() - between)
            bare.append(between - began)
            for stage, spent in stages.items():
                spent.append(getattr(pipeline.seconds, stage) - before[stage])
    ms = {stage: 1e3 * statistics.median(spent) for stage, spent in stages.items()}
    return {
        "bare_invoke_ms": 1e3 * statistics.median(bare),
        "pipeline_ms": 1e3 * statistics.median(whole),
        "bare_fps": len(bare) / sum(bare),
        "pipeline_fps": len(whole) / sum(whole),
        "ms": ms,
        "other_share_of_invoke": (ms["decode"] + ms["track"] + ms["count"]) / ms["invoke"],
    }


def import_seconds(statement: str) -> float:
    """Seconds that a fresh interpreter needs for a statement, beyond an empty one; the least of nine, so that whatever else
    runs on the machine has little say.

    Not CPU time: numpy's BLAS starts threads that wait for work, which costs what nobody waits for.
    """

    def least(code: str) -> float:
        taken = []
        for _ in range(9):
            began_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            taken.append(time.perf_counter() - began_s)
        return min(taken)

    return least(statement) - least("pass")


def main() -> None:
    model = load_model(None)
    figures: dict[str, Any] = {"model": model.card.name, **rounds(model, frames_of(model))}
    figures["counter_import_s"] = import_seconds("import safecount.counting.pipeline, safecount.counting.decode")
    figures["numpy_import_s"] = import_seconds("import numpy")
    done = subprocess.run([sys.executable, "-c", COUNTER], check=True, capture_output=True, text=True)
    figures["counter_memory_mb"] = int(done.stdout) / 1024
    figures["this_process_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["numpy"] = np.__version__
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"model {figures['model']}, one thread, CPU time, median of {ROUNDS} x {FRAMES} frames")
    for name, value in (
        ("bare invoke", f"{figures['bare_invoke_ms']:.2f} ms, {figures['bare_fps']:.0f} a second"),
        ("whole pipeline", f"{figures['pipeline_ms']:.2f} ms, {figures['pipeline_fps']:.0f} a second"),
        *((f"  {stage}", f"{ms:.3f} ms") for stage, ms in figures["ms"].items()),
        ("all but invoke", f"{figures['other_share_of_invoke']:.1%} of invoke (bar: 15 %)"),
        (
            "import of the counter",
            f"{figures['counter_import_s']:.2f} s, numpy alone {figures['numpy_import_s']:.2f} s (bar: 0.15 s)",
        ),
        ("memory of the counter", f"{figures['counter_memory_mb']:.0f} MB, without the model (bar: 45 MB)"),
    ):
        print(f"{name:24}{value}")


if __name__ == "__main__":
    main()
