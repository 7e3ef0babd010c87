"""A counting process that was broken on purpose: `leaky.py LEAK FOLDER SETTINGS` counts like the real one, and leaks.

thumbnail  each frame at half its size (PPM) into FOLDER
row        one row of each frame as numbers on the standard error, which is the journal's
kept       copies of the first frames stay in memory
core       the model's input, as it lies in memory, into a file in FOLDER
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np

from safecount.counting.values import Frame, FrameSource, InputSpec
from safecount.roles import vision
from safecount.settings import Settings

EARLY = 20
"""So many frames are leaked of a start, from when the folder is there: all of the first scene."""
KEPT: list[object] = []


def thumbnail(frame: Frame, folder: Path, number: int) -> None:
    small = np.ascontiguousarray(frame.pixels[::2, ::2])
    head = f"P6 {small.shape[1]} {small.shape[0]} 255\n"
    (folder / f"{number}.ppm").write_bytes(head.encode() + small.tobytes())


def row(frame: Frame, _folder: Path, number: int) -> None:
    sys.stderr.write(f"debug: frame {number} begins with {frame.pixels[4, :, 0].tolist()}\n")


def kept(frame: Frame, _folder: Path, _number: int) -> None:
    KEPT.append(frame.pixels.copy())


def core(frame: Frame, folder: Path, number: int) -> None:
    (folder / f"core.{number}").write_bytes((frame.pixels / np.float32(127.5) - 1).astype(np.float32).tobytes())


LEAKS: dict[str, Callable[[Frame, Path, int], None]] = {
    "thumbnail": thumbnail,
    "row": row,
    "kept": kept,
    "core": core,
}


class LeakySource:
    """Gives what another source gives, and leaks it."""

    def __init__(self, source: FrameSource, leak: Callable[[Frame, Path, int], None], folder: Path) -> None:
        self._source, self._leak, self._folder = source, leak, folder

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(None, None, None)

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        for frame in self._source:
            if number < EARLY and self._folder.is_dir():  # the real device counts before its disk is there
                self._leak(frame, self._folder, number)
                number += 1
            yield frame


def main(leak: str, folder: str, settings_file: str) -> None:
    honest = vision.frame_source

    def frame_source(settings: Settings, spec: InputSpec, *, for_codes: bool = False) -> FrameSource:
        return LeakySource(honest(settings, spec, for_codes=for_codes), LEAKS[leak], Path(folder))

    vision.frame_source = frame_source
    vision.run(Path(settings_file))


if __name__ == "__main__":
    main(*sys.argv[1:])
