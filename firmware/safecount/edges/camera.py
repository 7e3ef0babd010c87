"""The board's camera as a FrameSource, by picamera2.

The image processor of the Pi scales to the model's own size and order, so a frame costs one small copy: one stream, of
low resolution, no encoder, no preview. Frames come in one buffer that is used again and again. A camera that falls silent, or
gives the same frame for ever, is noticed by the age of its last new frame.

Cameras that are not the Pi's own (USB, libcamera's virtual one) work too, at their own pace, and are made to fit on the CPU.
Untested on hardware: docs/device.md, "What only hardware can show".
"""

import contextlib
import importlib
import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Self

import numpy as np

from safecount.counting.values import Frame, InputSpec
from safecount.edges.camera_settings import CameraSettings
from safecount.edges.camera_stream import FORMATS, StreamFitter, StreamLayout
from safecount.errors import SafecountError

BUFFERS = 4
"""Buffers that picamera2 and we hold in turn: one being filled, one waiting, one read, one to spare."""
CODE_VIEW = (640, 480)
"""What a picture has at least, where a QR code is looked for in it."""
EARLY = 0.25
"""A frame may come this share of a period before its time, and is still taken: cameras jitter."""


class CameraError(SafecountError):
    """A camera that cannot be used as it is set up."""


class CameraMissing(CameraError):  # noqa: N818 - it names the state of the camera
    """There is no camera, or it does not answer at the start."""


class CameraHung(CameraError):  # noqa: N818 - it names the state of the camera
    """The camera gave frames, or promised to, and has fallen silent. Closing and opening it may help."""


class Camera:
    """A camera that is open between `with` and its end. Remembers its buffer and the time of its last frame.

    Attributes:
        picture: (width, height) in pixels, once opened.
    """

    def __init__(
        self,
        spec: InputSpec,
        settings: CameraSettings | None = None,
        library: Any = None,  # noqa: ANN401 - picamera2 has no types
        clock_s: Callable[[], float] = time.monotonic,
        *,
        for_codes: bool = False,
    ) -> None:
        """Describe a camera; nothing is opened yet.

        Args:
            spec: what the model takes in.
            settings: pace, patience, and which way is up.
            library: the module picamera2, or one with the same interface.
            clock_s: a clock that only goes forward, in seconds.
            for_codes: frames bring their `luma`, of CODE_VIEW or more, and are made to fit the model on the CPU.
        """
        self._settings = settings or CameraSettings()
        self._spec = spec
        self._library = library
        self._clock_s = clock_s
        self._for_codes = for_codes
        self._device: Any = None
        self.picture = (0, 0)

    def __enter__(self) -> Self:
        """Open and start the camera.

        Raises:
            CameraMissing: there is none, or it does not answer.
            CameraError: picamera2 is not installed, or the camera delivers nothing that can be read.
        """
        self._library = self._library or _picamera2()
        try:
            self._device = _open(self._library)
            self._device.configure(self._configuration())
            layout = _layout(self._device.camera_configuration()["main"])
            self._fitter = StreamFitter(layout, self._spec, upside_down=self._settings.upside_down)
            self.picture = layout.size
            self._device.start()
        except (RuntimeError, IndexError, OSError) as error:
            self._close()
            raise CameraMissing(
                f"No camera answers ({error}); switch the device off, seat the camera's cable, and start again."
            ) from error
        except CameraError:
            self._close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def __iter__(self) -> Iterator[Frame]:
        """Give the newest frame each time, for ever.

        Raises:
            CameraHung: there has been no new frame for `hung_after_s`.
        """
        spec, period_s = self._spec, 1.0 / self._settings.frames_per_second
        pixels = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
        luma = np.empty(self.picture[::-1], np.uint8) if self._for_codes else None
        due_s = float("-inf")
        for request, captured_at_s in self._requests():
            try:
                if captured_at_s < due_s - EARLY * period_s:
                    continue
                with self._library.MappedArray(request, "main", reshape=False, write=False) as mapped:
                    self._fitter.fill(mapped.array, pixels)
                    if luma is not None:
                        luma[...] = self._fitter.luma(mapped.array)
            finally:
                request.release()
            due_s = max(due_s + period_s, captured_at_s + (1 - EARLY) * period_s)
            yield Frame(pixels, self.picture, captured_at_s, luma)

    def _requests(self) -> Iterator[tuple[Any, float]]:
        """New frames with the time at which they were taken; whoever gets one must release it."""
        seen_at_s, newest_s, hung_after_s = self._clock_s(), float("-inf"), self._settings.hung_after_s
        while True:
            left_s = hung_after_s - (self._clock_s() - seen_at_s)
            if left_s <= 0:
                raise CameraHung(
                    f"The camera has given no new frame for {hung_after_s:g} s; it is opened again, and if that "
                    "does not help, switch the device off and seat the camera's cable."
                )
            try:
                request = self._device.capture_request(wait=left_s)
            except TimeoutError:
                continue  # the age of the last frame is judged above
            stamp_ns = request.get_metadata().get("SensorTimestamp")
            captured_at_s = self._clock_s() if stamp_ns is None else stamp_ns / 1e9
            if captured_at_s <= newest_s:
                request.release()
                continue
            seen_at_s, newest_s = self._clock_s(), captured_at_s
            yield request, captured_at_s

    def _configuration(self) -> dict[str, Any]:
        """One stream at the model's size, from the whole of the sensor, at our own pace."""
        device, spec = self._device, self._spec
        paced = "FrameDurationLimits" in device.camera_controls
        period_us = round(1e6 / self._settings.frames_per_second)
        more: dict[str, Any] = {"controls": {"FrameDurationLimits": (period_us, period_us)} if paced else {}}
        if _is_pi_camera(device):
            sensor = device.sensor_resolution
            main = {"format": "RGB888" if spec.channels == "bgr" else "BGR888", "size": self._stream_size(sensor)}
            mode = _whole_view(device.sensor_modes, self._settings.frames_per_second)
            more["sensor"] = {"output_size": mode["size"], "bit_depth": mode["bit_depth"]}
        else:
            main = {"format": "YUYV", "size": (640, 480)}  # libcamera takes what comes nearest
        return device.create_video_configuration(  # type: ignore[no-any-return]  # picamera2 has no types
            main=main, raw=None, buffer_count=BUFFERS, display=None, encode=None, **more
        )

    def _stream_size(self, sensor: tuple[int, int]) -> tuple[int, int]:
        """The whole sensor's shape, made as small as the model or a code allows; even, as the image processor wants it."""
        spec = self._spec
        ratios = spec.width / sensor[0], spec.height / sensor[1]
        ratio = min(ratios) if spec.fit == "letterbox" else max(ratios)
        if self._for_codes:
            ratio = max(ratio, CODE_VIEW[0] / sensor[0], CODE_VIEW[1] / sensor[1])
        return round(sensor[0] * ratio / 2) * 2, round(sensor[1] * ratio / 2) * 2

    def _close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            # A camera that has gone cannot be told to stop, and without a DMA heap picamera2 fails after it has closed.
            with contextlib.suppress(RuntimeError, OSError):
                device.close()


def _layout(stream: dict[str, Any]) -> StreamLayout:
    if stream["format"] not in FORMATS:
        raise CameraError(
            f"The camera delivers its pictures as {stream['format']} only, which cannot be read here; "
            f"use one that gives {', '.join(FORMATS)}."
        )
    return StreamLayout(stream["format"], tuple(stream["size"]), stream["stride"])


def _is_pi_camera(device: Any) -> bool:  # noqa: ANN401
    """Whether the Pi's own image processor serves this camera: picamera2's own test."""
    return "ColorFilterArrangement" in device.camera_properties


def _whole_view(modes: list[dict[str, Any]], frames_per_second: float) -> dict[str, Any]:
    """The sensor's mode that sees most, and of those the one with the fewest pixels and bits to carry.

    Left to itself, libcamera takes the mode nearest in size, and small modes see only the middle of the picture.
    """

    def rank(mode: dict[str, Any]) -> tuple[bool, int, int, int]:
        seen = mode["crop_limits"][2] * mode["crop_limits"][3]
        return mode["fps"] >= frames_per_second, seen, -mode["size"][0] * mode["size"][1], -mode["bit_depth"]

    return max(modes, key=rank)


def _open(library: Any) -> Any:  # noqa: ANN401
    """The first camera, whatever kind it is."""

    class AnyCamera(library.Picamera2):  # type: ignore[misc]  # picamera2 has no types
        def _get_raw_modes(self) -> list[dict[str, Any]]:
            """Also for cameras that have no raw stream (libcamera's virtual one), which picamera2 does not expect."""
            try:
                modes: list[dict[str, Any]] = super()._get_raw_modes()
            except AttributeError:
                modes = [{"format": "", "size": (0, 0)}]
            return modes

    # picamera2 would take the DMA heap for any camera, but only the Pi's kernel has one for sure.
    device = AnyCamera(allocator=object())
    allocators = library.allocators
    device.allocator = (
        allocators.DmaAllocator() if _is_pi_camera(device) else allocators.LibcameraAllocator(device.camera)
    )
    return device


_NOT_ON_A_COUNTER = ("pykms", "PIL.Image", "piexif", "pidng.core", "pidng.camdefs", "simplejpeg", "prctl")
"""What picamera2 loads for its preview, its encoders and its picture files. A counter shows and keeps no picture, so the image
brings none of it, and names stand there that nothing ever calls."""


def _picamera2() -> Any:  # noqa: ANN401
    """The library, without what it would show or keep a picture with."""
    for name in _NOT_ON_A_COUNTER:
        whole, _, part = name.partition(".")
        if not (whole in sys.modules or importlib.util.find_spec(whole)):
            sys.modules[whole] = _Absent(whole)
        if part and isinstance(sys.modules.get(whole), _Absent):
            sys.modules[name] = _Absent(name)
    try:
        library = importlib.import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            f"The camera library cannot be loaded ({error}); the image brings it. On a desk, count a clip instead."
        ) from error
    library.Picamera2.set_logging(logging.ERROR)
    return library


class _Absent(ModuleType):
    """Stands for a module that is not there: any name may be looked up in it, and is of no use."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or _AnyName()


class _AnyName:
    def __getattr__(self, name: str) -> str:
        return name
