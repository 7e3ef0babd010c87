"""A clip in the place of the camera, for trials and emulation: in real time or as fast as it goes, once or for ever."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from safecount.counting.values import Frame, InputSpec


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """A video file that takes the camera's place in trials, "" for none: shown in real time if `paced`, and again and again
    if `looped`; else the process ends with it.
    """

    file: str = ""
    paced: bool = True
    looped: bool = True


class ClipCamera:
    """Implements `counting.values.FrameSource`. Every frame that is due is given, however late it is: no person of the
    clip is missed on a slow machine.
    """

    def __init__(self, settings: ClipSettings, spec: InputSpec, fps: float, *, for_codes: bool = False) -> None:
        self._path = Path(settings.file)
        self._spec = spec
        self._fps = fps
        self._paced = settings.paced
        self._looped = settings.looped
        self._for_codes = for_codes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing stays open between two rounds of the clip."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames, `captured_at_s` going on from round to round.

        Raises:
            UsageError: the clip cannot be opened or decoded.
        """
        from safecount.edges.video_file import VideoFile  # noqa: PLC0415 - its decoder is not on a device

        begun_s = round_s = time.monotonic()
        while True:
            at_s = round_s
            with VideoFile(self._path, self._spec, self._fps, luma=self._for_codes) as clip:
                for frame in clip:
                    at_s = round_s + frame.captured_at_s
                    if self._paced:
                        time.sleep(max(0.0, at_s - time.monotonic()))
                    yield replace(frame, captured_at_s=at_s)
            if not self._looped or at_s == begun_s:
                return
            round_s = at_s + 1 / self._fps
