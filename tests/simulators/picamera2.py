"""A thin picamera2: its own names and calls, frames that a test scripts, and a clock that moves only as it waits."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

PI_PROPERTIES = {"ColorFilterArrangement": 0, "Model": "imx219"}
PI_MODES = [
    {"size": (640, 480), "bit_depth": 8, "fps": 200.0, "crop_limits": (1000, 752, 1280, 960)},
    {"size": (1640, 1232), "bit_depth": 8, "fps": 80.0, "crop_limits": (0, 0, 3280, 2464)},
    {"size": (1640, 1232), "bit_depth": 10, "fps": 40.0, "crop_limits": (0, 0, 3280, 2464)},
    {"size": (3280, 2464), "bit_depth": 10, "fps": 20.0, "crop_limits": (0, 0, 3280, 2464)},
]


@dataclass
class Shot:
    """One frame that the camera has ready at `at_s`, stamped `stamp_s` (None: it gives no stamp)."""

    at_s: float
    raw: NDArray[np.uint8]
    stamp_s: float | None


@dataclass
class Clock:
    """Seconds that pass only when somebody waits."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Scene:
    """What the camera in front of the test is, and what it will see.

    `stream` is what libcamera makes of the configuration asked for: (format, size, stride). `missing` is raised when it is
    opened.
    """

    shots: Iterable[Shot]
    clock: Clock = field(default_factory=Clock)
    properties: dict[str, Any] = field(default_factory=lambda: dict(PI_PROPERTIES))
    modes: list[dict[str, Any]] = field(default_factory=lambda: list(PI_MODES))
    stream: Callable[[dict[str, Any]], dict[str, Any]] = lambda main: {**main, "stride": main["size"][0] * 3}
    missing: Exception | None = None
    raw_modes: bool = True
    opened: list[Any] = field(default_factory=list)
    held: int = 0


class Request:
    def __init__(self, scene: Scene, shot: Shot) -> None:
        self._scene, self.shot = scene, shot
        scene.held += 1

    def get_metadata(self) -> dict[str, int]:
        stamp_s = self.shot.stamp_s
        return {} if stamp_s is None else {"SensorTimestamp": round(stamp_s * 1e9)}

    def release(self) -> None:
        self._scene.held -= 1


class MappedArray:
    def __init__(self, request: Request, stream: str, *, reshape: bool, write: bool) -> None:
        assert stream == "main"
        assert not reshape
        assert not write
        self.array = request.shot.raw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class LibcameraAllocator:
    def __init__(self, camera: object) -> None:
        assert camera is not None


class DmaAllocator: ...


class Picamera2:
    scene: Scene

    def __init__(self, allocator: object = None) -> None:
        scene = self.scene
        assert allocator is not None, "without one, picamera2 asks for a DMA heap"
        if scene.missing is not None:
            raise scene.missing
        self.camera = object()
        self.camera_properties = scene.properties
        self.camera_controls = {"FrameDurationLimits": (1, 2, 3)} if self.scene.raw_modes else {}
        self.sensor_resolution = max((mode["size"] for mode in self._get_raw_modes()), key=lambda size: size[0])
        self.sensor_modes = self.scene.modes
        self.allocator = allocator
        self.started = False
        self.closed = False
        self.asked: dict[str, Any] = {}
        self._shots: Iterator[Shot] = iter(self.scene.shots)
        self._next: Shot | None = None
        scene.opened.append(self)

    def _get_raw_modes(self) -> list[dict[str, Any]]:
        if not self.scene.raw_modes:
            raise AttributeError("'NoneType' object has no attribute 'at'")  # as the real one on a virtual camera
        return self.scene.modes

    def create_video_configuration(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
        assert set(asked) <= {"main", "raw", "buffer_count", "display", "encode", "controls", "sensor"}
        self.asked = asked
        return asked

    def configure(self, configuration: dict[str, Any]) -> None:
        self._main = self.scene.stream(configuration["main"])

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": self._main}

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True

    def capture_request(self, wait: float) -> Request:
        self._next = self._next or next(self._shots, None)
        now_s = self.scene.clock.now_s
        if self._next is None or self._next.at_s > now_s + wait:
            self.scene.clock.now_s = now_s + wait
            raise TimeoutError
        shot, self._next = self._next, None
        self.scene.clock.now_s = max(now_s, shot.at_s)
        return Request(self.scene, shot)


def picamera2(scene: Scene) -> Any:  # noqa: ANN401 - it stands for a module
    """The library in front of one scene."""
    camera = type("Picamera2", (Picamera2,), {"scene": scene})
    allocators = SimpleNamespace(LibcameraAllocator=LibcameraAllocator, DmaAllocator=DmaAllocator)
    return SimpleNamespace(Picamera2=camera, MappedArray=MappedArray, allocators=allocators)
