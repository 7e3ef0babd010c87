"""`safecount-ops replay`: a clip with boxes, paths and lines drawn over it, for somebody who tunes at a desk.

It shows people. It exists in the operator's tools only: no device has this code, or a clip to run it on.
"""

from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from safecount.counting.geometry import Segment, segment
from safecount.counting.values import Frame, InputSpec, LineSettings
from safecount.edges.video_file import VideoFile
from safecount.errors import UsageError
from safecount_ops.desk.counting import DEVICE_FPS, Spent, Step, count_clip
from safecount_ops.desk.line_option import default_line, parse_line
from safecount_ops.desk.models import load_model
from safecount_ops.desk.progress import counting_bar
from safecount_ops.desk.truth import read_truth

FILE = click.Path(path_type=Path)
TRAIL_POINTS = 40
FLASH_S = 0.7
LINE, BOX, WEAK, FLASH = "#ffd54a", "#4ac3ff", "#8a8f94", "#ff5a4a"


class Overlay:
    """Draws over frames. Remembers the last `TRAIL_POINTS` places of each person in view, and forgets who left it."""

    def __init__(self, lines: list[LineSettings], picture: tuple[int, int]) -> None:
        self._lines = [(line, segment(line, picture)) for line in lines]
        self._trails: dict[int, deque[tuple[float, float]]] = {}
        self._sums = {line.name: {"in": 0, "out": 0} for line in lines}
        self._flash_until_s: dict[str, float] = {}
        self._font = ImageFont.load_default(max(12, picture[1] // 36))

    def draw(self, image: Image.Image, step: Step) -> None:
        """Draw one step onto its picture, in place."""
        pen = ImageDraw.Draw(image)
        for x1, y1, x2, y2, score in step.boxes.tolist():
            pen.rectangle((x1, y1, x2, y2), outline=WEAK)
            pen.text((x1, y2), f"{score:.2f}", fill=WEAK, font=self._font)
        self._trails = {
            track.number: self._trails.get(track.number) or deque(maxlen=TRAIL_POINTS) for track in step.tracks
        }
        for track in step.tracks:
            x1, y1, x2, y2 = track.box
            trail = self._trails[track.number]
            trail.append(((x1 + x2) / 2, (y1 + y2) / 2))
            pen.rectangle((x1, y1, x2, y2), outline=BOX, width=2)
            pen.text((x1 + 3, y1 + 1), str(track.number), fill=BOX, font=self._font)
            if len(trail) > 1:
                pen.line(list(trail), fill=BOX, width=2)
        for crossing in step.crossings:
            self._sums[crossing.line][crossing.direction] += 1
            self._flash_until_s[crossing.line] = step.at_s + FLASH_S
        for line, laid in self._lines:
            self._draw_line(pen, line, laid, step.at_s)

    def _draw_line(self, pen: ImageDraw.ImageDraw, line: LineSettings, laid: Segment, at_s: float) -> None:
        start = (laid.x, laid.y)
        colour = FLASH if at_s < self._flash_until_s.get(line.name, 0.0) else LINE
        end = (start[0] + laid.along_x * laid.length, start[1] + laid.along_y * laid.length)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        tip = (middle[0] + 30 * laid.in_x, middle[1] + 30 * laid.in_y)
        pen.line([start, end], fill=colour, width=3)
        pen.line([middle, tip], fill=colour, width=3)
        pen.circle(tip, 5, fill=colour)
        sums = self._sums[line.name]
        text = f"{line.name}: {sums['in']} in, {sums['out']} out"
        pen.text((tip[0] + 8, tip[1] + 6), text, fill=colour, font=self._font, stroke_width=2, stroke_fill="black")


@click.command("replay")
@click.argument("clip", type=FILE)
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="X1,Y1,X2,Y2[:IN-SIDE[:NAME]]",
    help="Counting line, as shares of width and height.",
)
@click.option("--truth", "truth_file", type=FILE, help="Truth file whose lines are drawn.")
@click.option("--model", help="Name of the model (default: the one that ships, else the registry's).")
@click.option(
    "--fps", type=click.FloatRange(min=0.1), default=DEVICE_FPS, show_default=True, help="Frames taken a second."
)
@click.option("--out", type=FILE, help="Video to write (default: build/replay/CLIP.mp4).")
def command(  # noqa: PLR0917 - click hands its options over by name
    clip: Path, lines: tuple[str, ...], truth_file: Path | None, model: str | None, fps: float, out: Path | None
) -> None:
    """Draw boxes, paths and lines over CLIP and write it as a video, as the counter saw it.

    Grey: what the model reported; blue: whom the tracker follows, with the path so far; a line flashes when it is crossed.
    The video shows people: keep it as carefully as the clip itself.
    """
    asked = [parse_line(text, number) for number, text in enumerate(lines, 1)]
    truth = read_truth(truth_file) if truth_file else None
    asked += [true.line for true in truth.lines] if truth else []
    chosen = load_model(model)
    target = out or Path("build/replay") / f"{clip.parent.name if clip.name == 'img1' else clip.stem}.mp4"
    clip_fps = truth.fps if truth else None
    with VideoFile(clip, chosen.card.input, fps, clip_fps) as seen:
        drawn = asked or [default_line(seen.picture)[0]]
        whole = InputSpec(seen.picture[0] // 2 * 2, seen.picture[1] // 2 * 2, "rgb", "stretch")
        overlay = Overlay(drawn, seen.picture)
        rate = Fraction(min(fps, seen.clip_fps)).limit_denominator(1000)
        frames = int(seen.frames * min(1.0, fps / seen.clip_fps)) or None
        steps = count_clip(seen, chosen, drawn, Spent())
        # A second reader at the picture's own size: it takes the same frames, since both follow the same clock.
        with (
            VideoFile(clip, whole, fps, clip_fps) as shown,
            Writer(target, whole, rate) as writer,
            counting_bar(clip.name, frames) as counted,
        ):
            for step, frame in zip(steps, shown, strict=True):
                writer.write(overlay, step, frame)
                counted("")
    print(f"Replay: {target.absolute()}")


class Writer:
    """Writes drawn frames as an H.264 video."""

    def __init__(self, path: Path, spec: InputSpec, rate: Fraction) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(path), "w")
        except (OSError, ValueError) as error:
            raise UsageError(f"The video {path} cannot be written ({error}); name another with --out.") from error
        self._stream = self._container.add_stream("h264", rate=rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = spec.width, spec.height, "yuv420p"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def write(self, overlay: Overlay, step: Step, frame: Frame) -> None:
        image = Image.fromarray(frame.pixels)
        overlay.draw(image, step)
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), "rgb24")))
