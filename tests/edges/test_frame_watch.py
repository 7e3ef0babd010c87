import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pytest

from safecount.counting.values import Frame
from safecount.edges import frame_watch
from safecount.edges.camera import CameraHung
from safecount.edges.frame_watch import CameraStuck, WatchedFrames
from safecount.errors import SafecountError

FRAME = Frame(np.zeros((2, 2, 3), np.uint8), (2, 2), 0.0)


@dataclass
class ScriptedCamera:
    """Gives frames, then hangs, fails or ends. `stuck`: it does not even let go when it is closed."""

    frames: int
    then: str = "end"
    closed: bool = False
    release: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        if self.then == "missing":
            raise SafecountError("No camera answers.")
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[Frame]:
        for _ in range(self.frames):
            yield FRAME
        if self.then == "hang":
            self.release.wait()
        elif self.then == "vanish":
            raise SafecountError("The camera is gone.")


def never() -> bool:
    return False


def test_frames_come_in_turn_until_the_end_and_the_source_is_closed() -> None:
    camera = ScriptedCamera(3)
    with WatchedFrames(camera) as frames:
        assert [frames.next(5, never) is FRAME for _ in range(3)] == [True] * 3
        assert frames.next(5, never) is None
    assert camera.closed


@pytest.mark.parametrize("then", ["missing", "vanish"])
def test_what_the_source_fails_with_is_raised_where_frames_are_counted(then: str) -> None:
    with WatchedFrames(ScriptedCamera(0, then)) as frames, pytest.raises(SafecountError, match="camera"):
        frames.next(5, never)


def test_a_silent_camera_is_noticed_while_others_are_told_that_the_process_lives() -> None:
    camera = ScriptedCamera(1, "hang")
    told: list[float] = []

    def tick() -> bool:
        told.append(time.monotonic())
        return False

    with WatchedFrames(camera) as frames:
        assert frames.next(5, tick) is FRAME
        with pytest.raises(CameraHung):
            frames.next(0.6, tick)
        camera.release.set()
    assert len(told) >= 2
    assert camera.closed


def test_nobody_waits_for_a_frame_after_the_request_to_stop() -> None:
    camera = ScriptedCamera(0, "hang")
    with WatchedFrames(camera) as frames:
        assert frames.next(60, lambda: True) is None
        camera.release.set()


def test_a_camera_that_cannot_be_closed_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_watch, "CLOSE_TIMEOUT_S", 0.1)
    camera = ScriptedCamera(0, "hang")
    with pytest.raises(CameraStuck), WatchedFrames(camera) as frames:
        frames.next(60, lambda: True)
    camera.release.set()
