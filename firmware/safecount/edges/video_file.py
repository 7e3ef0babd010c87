"""Frames from a clip, a folder of pictures or an RTSP camera, by PyAV: for trials on a desk, never on a door.

It is the same iterator as the camera's: frames at the model's size, in one buffer that is used again and again.
"""

import configparser
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import Interpolation

from safecount.counting.decode import picture_scale
from safecount.counting.values import Frame, InputSpec
from safecount.errors import UsageError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FOLDER_FPS = 25.0
RTSP_TIMEOUT_US = "5000000"
SLACK_FRAMES = 2
"""How far time stamps may lie beside a steady rate that the clip states: some containers round them, or give none."""


class VideoFile:
    """A clip as a FrameSource.

    Attributes:
        clip_fps: frames a second of the clip itself; the mean, where it varies.
        frames: how many frames the clip says it has, 0 if it does not say.
        picture: (width, height) in pixels, as the clip is to be shown: a telephone's is often stored lying on its side.
        index: number of the frame that was given last, counted in the clip from 0.
        ended_early: why the clip stopped before its end, or "".
    """

    def __init__(
        self,
        path: str | Path,
        spec: InputSpec,
        fps: float | None = None,
        clip_fps: float | None = None,
        *,
        luma: bool = False,
    ) -> None:
        """Open a clip.

        Args:
            path: a video file, a folder of pictures (sorted by name), or an rtsp:// address.
            spec: what the model wants.
            fps: frames a second to give; the first frame at or after each tick is taken. None gives every frame.
            clip_fps: frames a second of the clip, where it does not say or says it wrongly. Without it a clip whose rate
                varies is timed by its own time stamps.
            luma: frames bring the brightness of the whole picture.

        Raises:
            UsageError: nothing there, nothing in it, or nothing that can be decoded.
        """
        self._path = str(path)
        self._spec = spec
        self._fps = fps
        self._luma = luma
        self._live = self._path.startswith("rtsp://")
        self._folder = _pictures(Path(path)) if not self._live and Path(path).is_dir() else []
        if fps is not None and not fps > 0:
            raise UsageError(f"A clip cannot be counted at {fps:g} frames a second; give a number above 0.")
        self._container = self._open(self._folder[0] if self._folder else self._path)
        stream = self._container.streams.video[0]
        self._stored = (stream.codec_context.width, stream.codec_context.height)
        self.frames = len(self._folder) or stream.frames
        stated = _sequence_fps(Path(path)) if self._folder else float(stream.average_rate or stream.guessed_rate or 0)
        self.clip_fps = clip_fps or stated
        if not self.clip_fps > 0:
            raise UsageError(f"The clip {path} does not say how many frames a second it has; say it (--clip-fps).")
        self._has_stamps = self._live or not (self._folder or clip_fps)
        self._varies = self._live or (self._has_stamps and stream.average_rate != stream.base_rate)
        self.index = -1
        self.ended_early = ""
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        self._quarters = _quarter_turns(self._path, self._first)
        self.picture = self._stored[::-1] if self._quarters % 2 else self._stored

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames in order.

        Raises:
            UsageError: the picture changes its size midway, or not one frame could be decoded.
        """
        spec = self._spec
        buffer = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
        across, down = picture_scale(spec, self.picture)
        width, height = round(self.picture[0] * across), round(self.picture[1] * down)
        upright = (height, width) if self._quarters % 2 else (width, height)
        tick = 0
        for index, (at_s, decoded) in enumerate(self._timed()):
            if self._fps is not None and at_s < tick / self._fps - 1e-6:
                continue
            tick = int(at_s * (self._fps or 0) + 1e-6) + 1
            self.index = index
            fitted = decoded.reformat(*upright, f"{spec.channels}24", interpolation=Interpolation.AREA)
            buffer[:height, :width] = np.rot90(fitted.to_ndarray(), self._quarters)
            luma = decoded.reformat(format="gray").to_ndarray().astype(np.uint8, copy=False) if self._luma else None
            yield Frame(buffer, self.picture, at_s, luma)
        if self.index < 0:
            raise UsageError(f"The clip {self._path} has no frame that can be decoded. {self.ended_early}".strip())

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """Each frame with its seconds since the first: counted out at the clip's rate, or by its time stamp."""
        if self._first is None:
            return
        begun_s, at_s = self._first.time or 0.0, 0.0
        for index, decoded in enumerate(self._from_first()):
            counted_s = index / self.clip_fps
            stamp_s = counted_s if decoded.time is None else decoded.time - begun_s
            self._varies |= self._has_stamps and abs(stamp_s - counted_s) > SLACK_FRAMES / self.clip_fps
            at_s = max(at_s, stamp_s) if self._varies else counted_s
            yield at_s, decoded

    def _from_first(self) -> Iterator[av.VideoFrame]:
        """The frames, none of which is held on to once the next was asked for: a picture of people stays no longer."""
        first, self._first = self._first, None
        if first is not None:
            yield first
        del first
        yield from self._frames

    def _decoded(self) -> Iterator[av.VideoFrame]:
        try:
            for frame in self._pictures_decoded() if self._folder else self._container.decode(video=0):
                if (frame.width, frame.height) != self._stored:
                    raise UsageError(
                        f"The clip {self._path} changes its size from {self._stored[0]} x {self._stored[1]} to "
                        f"{frame.width} x {frame.height}; cut it there and count each part with lines of its own."
                    )
                yield frame
        except av.FFmpegError as error:
            self.ended_early = f"{self._path} ends early: {error.strerror}."

    def _pictures_decoded(self) -> Iterator[av.VideoFrame]:
        for path in self._folder:
            with self._open(path) as container:
                yield next(container.decode(video=0))

    def _open(self, path: str) -> av.container.InputContainer:
        options = {"rtsp_transport": "tcp", "timeout": RTSP_TIMEOUT_US} if self._live else {}
        try:
            container = av.open(path, options=options)
        except av.FFmpegError as error:
            raise UsageError(f"The clip {path} cannot be opened: {error.strerror}.") from error
        if not container.streams.video:
            raise UsageError(f"The file {path} has no picture in it (no video stream).")
        if container.streams.video[0].codec_context is None:
            raise UsageError(f"The clip {path} is in a coding that nobody here can decode; convert it to H.264.")
        return container


def _quarter_turns(path: str, frame: av.VideoFrame | None) -> int:
    """How many quarter turns to the left the picture is to be shown with, 0 to 3 (libavutil's display.h)."""
    turned = 0 if frame is None else frame.rotation
    if turned % 90:
        raise UsageError(
            f"The clip {path} is to be shown turned by {turned} degrees; turn it upright with another program."
        )
    return turned // 90 % 4


def _pictures(folder: Path) -> list[str]:
    found = sorted(str(path) for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not found:
        raise UsageError(f"The folder {folder} has no pictures ({', '.join(PICTURES)}).")
    return found


def _sequence_fps(folder: Path) -> float:
    """Frames a second of a folder of pictures: MOTChallenge says it in seqinfo.ini, beside or above the pictures."""
    for place in (folder, folder.parent):
        parser = configparser.ConfigParser()
        if parser.read(place / "seqinfo.ini"):
            return parser.getfloat("Sequence", "frameRate", fallback=FOLDER_FPS)
    return FOLDER_FPS
