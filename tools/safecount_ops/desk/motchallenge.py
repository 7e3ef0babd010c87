"""Boxes of people from a MOTChallenge file, so that tracker and line can be judged without a model.

Format (https://motchallenge.net/instructions): one box a line, `frame, id, left, top, width, height, confidence, class,
visibility`, frames from 1. The ids are never used: who is who is the tracker's to find out.
"""

import configparser
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from safecount.counting.values import Boxes
from safecount.errors import UsageError

PEDESTRIAN = 1


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What a seqinfo.ini says of its sequence: frames a second, and (width, height) in pixels."""

    fps: float
    size: tuple[int, int]


def read_boxes(path: Path) -> list[Boxes]:
    """The boxes of each frame, from the first one on; a frame without people has none.

    In a ground truth, confidence 0 marks what is not to be judged, and classes other than 1 are no pedestrians; both
    are left out. Confidence -1 (not known) counts as 1.

    Raises:
        UsageError: the file cannot be read or has a line of another form.
    """
    frames: dict[int, list[tuple[float, ...]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                try:
                    frame, box = _box(row)
                except (ValueError, IndexError) as error:
                    raise UsageError(
                        f"{path} is no MOTChallenge file: line {number} is not a box ({error})."
                    ) from error
                if box:
                    frames.setdefault(frame, []).append(box)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise UsageError(f"The boxes in {path} cannot be read ({reason}).") from error
    if not frames:
        raise UsageError(f"{path} holds no boxes of people; it must be a MOTChallenge gt.txt, det.txt or result file.")
    empty: list[tuple[float, ...]] = []
    return [np.array(frames.get(n, empty), np.float32).reshape(-1, 5) for n in range(1, max(frames) + 1)]


def _box(row: list[str]) -> tuple[int, tuple[float, ...] | None]:
    frame = int(float(row[0]))
    left, top, width, height = (float(value) for value in row[2:6])
    confidence = float(row[6]) if len(row) > 6 else -1.0
    kind = float(row[7]) if len(row) > 7 else -1.0
    if frame < 1:
        raise ValueError("frames begin at 1")
    if confidence == 0 or (kind > 0 and kind != PEDESTRIAN):
        return frame, None
    score = 1.0 if confidence < 0 else min(confidence, 1.0)
    return frame, (left, top, left + width, top + height, score)


def sequence_info(near: Path) -> SequenceInfo | None:
    """What the seqinfo.ini says that belongs to a file or folder of a MOTChallenge sequence; None where there is none.

    Raises:
        UsageError: there is one, but without its fields.
    """
    for folder in (near, *list(near.absolute().parents)[:2]):
        file = folder / "seqinfo.ini"
        if not file.is_file():
            continue
        ini = configparser.ConfigParser()
        try:
            ini.read(file, encoding="utf-8")
            about = ini["Sequence"]
            return SequenceInfo(float(about["frameRate"]), (int(about["imWidth"]), int(about["imHeight"])))
        except (configparser.Error, KeyError, ValueError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} lacks frameRate, imWidth or imHeight, or misspells them ({error}).") from error
    return None
