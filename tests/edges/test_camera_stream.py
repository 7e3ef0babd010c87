import numpy as np
import pytest
from numpy.typing import NDArray

from safecount.counting.values import InputSpec
from safecount.edges.camera_stream import StreamFitter, StreamLayout

BGR = InputSpec(32, 32, "bgr", "letterbox", 114)
RGB = InputSpec(32, 32, "rgb", "letterbox", 114)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (128, 128, 128)}


def fitted(
    raw: NDArray[np.uint8], layout: StreamLayout, spec: InputSpec, *, upside_down: bool = False
) -> NDArray[np.uint8]:
    pixels = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
    StreamFitter(layout, spec, upside_down=upside_down).fill(raw, pixels)
    return pixels


def yuv(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """ITU-R BT.601, 8 bits, limited range: the textbook's forward direction."""
    r, g, b = (value / 255 for value in rgb)
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    return round(y), round(u), round(v)


@pytest.mark.parametrize(
    ("name", "first"), [("RGB888", "blue"), ("BGR888", "red"), ("XRGB8888", "blue"), ("XBGR8888", "red")]
)
@pytest.mark.parametrize("padding", [0, 16])
def test_colours_come_in_the_models_order(name: str, first: str, padding: int) -> None:
    depth = 4 if name.startswith("X") else 3
    rows = np.zeros((24, 32 * depth + padding), np.uint8)
    rows[:, : 32 * depth : depth] = 200
    layout = StreamLayout(name, (32, 24), rows.shape[1])
    for spec, channels in ((BGR, "bgr"), (RGB, "rgb")):
        pixels = fitted(rows.reshape(-1), layout, spec)
        assert (pixels[:24, :, channels.index(first[0])] == 200).all()
        assert pixels[:24].sum() == 200 * 32 * 24
        assert (pixels[24:] == 114).all()


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("layout", [StreamLayout("NV12", (64, 48), 80), StreamLayout("YUYV", (64, 48), 144)])
def test_yuv_becomes_the_colour_it_was(colour: str, layout: StreamLayout) -> None:
    y, u, v = yuv(COLOURS[colour])
    width, height = layout.size
    if layout.format == "NV12":
        rows = np.zeros((height * 3 // 2, layout.stride), np.uint8)
        rows[:height, :width] = y
        rows[height:, :width:2], rows[height:, 1:width:2] = u, v
    else:
        rows = np.zeros((height, layout.stride), np.uint8)
        rows[:, : 2 * width : 2], rows[:, 1 : 2 * width : 4], rows[:, 3 : 2 * width : 4] = y, u, v
    pixels = fitted(rows.reshape(-1), layout, RGB)
    assert np.abs(pixels[:24].astype(int) - COLOURS[colour]).max() <= 3


def test_a_camera_that_hangs_by_its_foot_is_turned() -> None:
    picture = np.arange(32 * 24, dtype=np.uint32).reshape(24, 32) % 251
    raw = np.repeat(picture[..., None], 3, 2).astype(np.uint8)
    layout = StreamLayout("RGB888", (32, 24), 96)
    upright, turned = (fitted(raw.reshape(-1), layout, BGR, upside_down=down) for down in (False, True))
    assert np.array_equal(turned[:24], upright[:24][::-1, ::-1])


def test_a_larger_picture_is_averaged_not_skipped() -> None:
    raw = np.zeros((48, 64, 3), np.uint8)
    raw[:, ::2] = 200  # stripes of one pixel
    pixels = fitted(raw.reshape(-1), StreamLayout("RGB888", (64, 48), 192), BGR)
    assert (pixels[:24] == 100).all()


def test_a_size_that_divides_by_nothing_keeps_places() -> None:
    raw = np.zeros((75, 100, 3), np.uint8)
    raw[30:45, 50:75] = 255
    stretched = fitted(raw.reshape(-1), StreamLayout("RGB888", (100, 75), 300), InputSpec(32, 32, "bgr", "stretch"))
    rows, columns = np.nonzero(stretched[..., 0])
    assert (rows.min(), rows.max()) == pytest.approx((0.4 * 32, 0.6 * 32), abs=1.5)
    assert (columns.min(), columns.max()) == pytest.approx((16, 24), abs=1.5)


@pytest.mark.parametrize(
    ("name", "stride", "bytes_to_row"),
    [("NV12", 40, 1.5), ("YUYV", 72, 1), ("RGB888", 100, 1), ("XBGR8888", 136, 1)],
)
def test_brightness_has_every_pixel_of_the_picture(name: str, stride: int, bytes_to_row: float) -> None:
    width, height = 32, 24
    rows = np.zeros((int(height * bytes_to_row), stride), np.uint8)
    pixels = np.arange(height * width, dtype=np.uint32).reshape(height, width).astype(np.uint8)
    start, step = {"NV12": (0, 1), "YUYV": (0, 2), "RGB888": (1, 3), "XBGR8888": (1, 4)}[name]
    rows[:height, start : start + step * width : step] = pixels
    assert np.array_equal(StreamFitter(StreamLayout(name, (width, height), stride), BGR).luma(rows.reshape(-1)), pixels)
