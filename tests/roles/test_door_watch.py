"""A model that gives no numbers for a while: those frames are not watched, and what comes after them is."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safecount.counting.decode import decoder_for
from safecount.counting.model_card import Quantisation
from safecount.counting.values import Frame, LineSettings
from safecount.edges.clock import SystemClock
from safecount.edges.litert import load_card
from safecount.edges.record_sender import RecordSender
from safecount.roles.door_watch import DoorWatch, Eye
from safecount.settings import FolderSettings, Settings
from safecount.wire.values import Accelerator


class SickDetector:
    """An SSD that sees nobody, and gives NaN for the frames whose first pixel is 0."""

    def invoke(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        logits = np.full((1, 1917, 24), -10 if pixels[0, 0, 0] else np.nan, np.float32)
        return np.zeros((1, 1917, 4), np.float32), logits


def test_frames_of_which_the_model_makes_nothing_are_not_watched(tmp_path: Path) -> None:
    settings = Settings(
        line=(LineSettings("street", "front", (0.5, 0.0), (0.5, 1.0), "right"),),
        folders=FolderSettings(str(tmp_path), str(tmp_path)),
    )
    card = load_card("ssd_mobilenetv2_oidv4_fp16")
    decode = decoder_for(card, [Quantisation(), Quantisation()])
    eye = Eye(card, SickDetector(), decode, lambda: Accelerator.CPU)
    watch = DoorWatch(settings, eye, SystemClock(0), RecordSender(tmp_path / "none.sock", lambda: None))
    seen = [np.full((300, 300, 3), value, np.uint8) for value in (1, 0, 0, 1)]
    watched = [watch.watch(Frame(pixels, (640, 480), number / 10)) for number, pixels in enumerate(seen)]
    assert watched == [True, False, False, True]
