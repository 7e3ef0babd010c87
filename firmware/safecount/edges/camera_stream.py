"""The bytes of a camera's stream to the pixels that a model takes in: strides, colours, size, and which way is up.

Pure sums over a buffer; nothing here touches a camera. A Raspberry Pi's camera delivers the model's own size and order, and
then this is one copy. What else a camera may deliver (YUV of a USB camera, a size of its own) is made to fit.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from safecount.counting.decode import picture_scale
from safecount.counting.values import InputSpec

_Bytes: TypeAlias = NDArray[np.uint8]
FORMATS = ("RGB888", "BGR888", "XRGB8888", "XBGR8888", "YUYV", "NV12")
"""What can be read, in libcamera's names: RGB888 lies in memory as blue, green, red; BGR888 the other way round."""


@dataclass(frozen=True, slots=True)
class StreamLayout:
    """How a picture lies in a buffer: libcamera's name of its format, (width, height) in pixels, bytes from row to row."""

    format: str
    size: tuple[int, int]
    stride: int


class StreamFitter:
    """Writes pictures of one layout into a model's input; holds only the places to take pixels from."""

    def __init__(self, layout: StreamLayout, spec: InputSpec, *, upside_down: bool = False) -> None:
        """Prepare for a layout.

        Args:
            layout: what the camera delivers; its format is one of FORMATS.
            spec: what the model takes in.
            upside_down: the camera hangs by its foot; pictures are turned by half a turn.
        """
        across, down = picture_scale(spec, layout.size)
        self._layout = layout
        self._bgr = spec.channels == "bgr"
        self._width, self._height = round(layout.size[0] * across), round(layout.size[1] * down)
        self._turn = slice(None, None, -1 if upside_down else 1)

    def fill(self, raw: _Bytes, pixels: _Bytes) -> None:
        """Write the picture in `raw`, a flat buffer of bytes, into the top left of `pixels` (height, width, 3)."""
        inside = pixels[: self._height, : self._width]
        inside[...] = self._read(raw)[self._turn, self._turn]

    def luma(self, raw: _Bytes) -> _Bytes:
        """How bright the picture in `raw` is, (height, width), as the camera has it; of colours it is the green."""
        width, height = self._layout.size
        rows = raw[: self._layout.stride * height].reshape(height, self._layout.stride)
        if self._layout.format == "NV12":
            return rows[:, :width]
        if self._layout.format == "YUYV":
            return rows[:, : 2 * width : 2]
        depth = 4 if self._layout.format.startswith("X") else 3
        return rows[:, 1 : width * depth : depth]

    def _read(self, raw: _Bytes) -> _Bytes:
        width, height = self._layout.size
        if self._layout.format in ("YUYV", "NV12"):
            return self._read_yuv(raw)
        depth = 4 if self._layout.format.startswith("X") else 3
        rows = raw[: self._layout.stride * height].reshape(height, self._layout.stride)
        colours = rows[:, : width * depth].reshape(height, width, depth)[..., :3]
        bgr_in_memory = self._layout.format in ("RGB888", "XRGB8888")
        return resized(colours if bgr_in_memory == self._bgr else colours[..., ::-1], self._width, self._height)

    def _read_yuv(self, raw: _Bytes) -> _Bytes:
        width, height = self._layout.size
        stride = self._layout.stride
        if self._layout.format == "YUYV":
            rows = raw[: stride * height].reshape(height, stride)
            luma, chroma = rows[:, : 2 * width : 2], rows[:, 1 : 2 * width : 2].reshape(height, width // 2, 2)
        else:
            luma = raw[: stride * height].reshape(height, stride)[:, :width]
            halves = raw[stride * height :][: stride * (height // 2)].reshape(height // 2, stride)
            chroma = halves[:, :width].reshape(height // 2, width // 2, 2)
        fitted = [resized(plane, self._width, self._height) for plane in (luma[..., None], chroma)]
        return _to_colours(fitted[0][..., 0], fitted[1], bgr=self._bgr)


def resized(picture: _Bytes, width: int, height: int) -> _Bytes:
    """A picture (h, w, channels) at another size: means over whole blocks of pixels, then the nearest one.

    Means first, since skipping pixels would make thin legs flicker.
    """
    across, down = max(1, picture.shape[1] // width), max(1, picture.shape[0] // height)
    if across > 1 or down > 1:
        h, w = picture.shape[0] // down, picture.shape[1] // across
        blocks = picture[: h * down, : w * across].reshape(h, down, w, across, -1)
        picture = (blocks.sum((1, 3), dtype=np.uint32) // (across * down)).astype(np.uint8)
    if picture.shape[:2] == (height, width):
        return picture
    rows = (np.arange(height) * picture.shape[0] + picture.shape[0] // 2) // height
    columns = (np.arange(width) * picture.shape[1] + picture.shape[1] // 2) // width
    fitted: _Bytes = picture[rows][:, columns]
    return fitted


def _to_colours(luma: _Bytes, chroma: _Bytes, *, bgr: bool) -> _Bytes:
    """ITU-R BT.601, limited range (16 to 235), as cameras of this size deliver it."""
    light = 1.164 * (luma.astype(np.float32) - 16)
    u, v = chroma[..., 0].astype(np.float32) - 128, chroma[..., 1].astype(np.float32) - 128
    red, green, blue = light + 1.596 * v, light - 0.392 * u - 0.813 * v, light + 2.017 * u
    colours = np.stack((blue, green, red) if bgr else (red, green, blue), -1)
    return np.clip(colours + 0.5, 0, 255).astype(np.uint8)
