"""Looks for a site code before the camera of a device that belongs to nobody, and hands its text to provisioning.

Nothing of a picture is kept or handed on: its brightness is copied for as long as it is being read, and only a text that
begins like a code for a device leaves this process (docs/adr/0027-a-code-before-the-camera.md).
"""

import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safecount.counting.values import Frame
from safecount.edges.code_socket import hand_on
from safecount.edges.qr_reader import read_codes

AGAIN_AFTER_S = 20.0
"""A code that stays before the camera is handed on once in so many seconds."""


class CodeWatch:
    """Remembers the last text that was handed on, and one picture's brightness while a thread reads it."""

    def __init__(self, path: Path) -> None:
        """`path` is provisioning's socket."""
        self._path = path
        self._reading: threading.Thread | None = None
        self._last: tuple[str, float] = ("", float("-inf"))

    def take(self, frame: Frame) -> None:
        """Look at a frame; it is left out while another one is being read, so that counting never waits."""
        if frame.luma is None or (self._reading is not None and self._reading.is_alive()):
            return
        self._reading = threading.Thread(target=self._read, args=(frame.luma.copy(),), name="codes", daemon=True)
        self._reading.start()

    def _read(self, luma: NDArray[np.uint8]) -> None:
        now_s = time.monotonic()
        for text in read_codes(luma):
            before, at_s = self._last
            if (text != before or now_s - at_s >= AGAIN_AFTER_S) and hand_on(self._path, text):
                self._last = (text, now_s)
