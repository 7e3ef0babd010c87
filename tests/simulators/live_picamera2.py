"""The thin picamera2 in real time, for the counting process as a whole: what it does next stands in a file that a test writes.

Put in the place of the library by `install`, on the path of a process. "frames": ten a second; "missing": there is no camera;
"hung": it gives no more frames; "stuck": it does not even come back from a call.
"""

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from simulators import picamera2 as thin
from simulators.picamera2 import DmaAllocator, LibcameraAllocator, MappedArray, Request, Scene, Shot

__all__ = ["MappedArray", "Picamera2", "allocators", "install"]

STATE = "SAFECOUNT_TEST_CAMERA"
PERIOD_S = 0.1


class allocators:  # noqa: N801 - a module of the library
    DmaAllocator = DmaAllocator
    LibcameraAllocator = LibcameraAllocator


class Picamera2(thin.Picamera2):
    def __init__(self, allocator: object = None) -> None:
        if _state() == "missing":
            raise IndexError("list index out of range")  # as the real one where libcamera lists no camera
        self.scene = Scene(())
        super().__init__(allocator)

    @staticmethod
    def set_logging(_level: int) -> None: ...

    def capture_request(self, wait: float) -> Request:
        until_s = time.monotonic() + wait
        while (state := _state()) != "frames":
            if state == "stuck":
                threading.Event().wait()
            if state == "missing":
                raise RuntimeError("Camera frontend has timed out")
            if time.monotonic() > until_s:
                raise TimeoutError
            time.sleep(0.02)
        time.sleep(PERIOD_S)
        width, height = self._main["size"]
        now_s = time.monotonic()
        return Request(self.scene, Shot(now_s, np.zeros(width * height * 3, np.uint8), now_s))


def _state() -> str:
    return Path(os.environ[STATE]).read_text()


def install(folder: Path, environment: Any) -> Path:  # noqa: ANN401 - pytest's monkeypatch
    """Let processes that are started from now on find this as picamera2; the file that says what the camera does."""
    (folder / "library").mkdir()
    (folder / "library" / "picamera2.py").write_text("from simulators.live_picamera2 import *\n")
    environment.setenv("PYTHONPATH", os.pathsep.join([str(folder / "library"), str(Path(__file__).parents[1])]))
    environment.setenv(STATE, str(folder / "camera"))
    return folder / "camera"
