"""Frames with a deadline: a camera that says nothing, or blocks for ever inside its driver, is noticed here.

The source runs in a thread of its own; the thread that counts waits for each frame no longer than it is told. The two
take turns, since a source uses its buffer again: it is asked for the next frame when the last one is done with.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Self

from safecount.counting.values import Frame, FrameSource
from safecount.edges.camera import CameraHung
from safecount.errors import SafecountError

CLOSE_TIMEOUT_S = 2.0
TICK_S = 0.25


class CameraStuck(SafecountError):  # noqa: N818 - it names the camera's state
    """The source cannot even be closed: only a new process can open it again."""


class WatchedFrames:
    """A FrameSource, opened and read in a thread. Holds one frame at most."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._frames: queue.Queue[Frame | Exception | None] = queue.Queue(maxsize=1)
        self._wanted = threading.Semaphore(0)
        self._closing = False
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the source; CameraStuck if it does not let itself be closed."""
        self._closing = True
        self._wanted.release()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            raise CameraStuck("The camera does not answer any more; the process has to start anew.")

    def next(self, timeout_s: float, tick: Callable[[], bool]) -> Frame | None:
        """The next frame, valid until the next call; None at the source's end, or when `tick`, which is called from
        time to time while there is none yet, says that nobody waits for it any more.

        Raises:
            CameraHung: none came in time.
            SafecountError: whatever the source failed with.
        """
        self._wanted.release()
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            try:
                came = self._frames.get(timeout=TICK_S)
            except queue.Empty:
                if tick():
                    return None
                continue
            if isinstance(came, Exception):
                raise came
            return came
        raise CameraHung("The camera gives no more frames.")

    def _read(self) -> None:
        try:
            with self._source as source:
                frames = iter(source)
                while True:
                    self._wanted.acquire()
                    if self._closing:
                        return
                    self._frames.put(next(frames, None))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised again in the thread that counts
            if not self._closing:
                self._frames.put(error)
