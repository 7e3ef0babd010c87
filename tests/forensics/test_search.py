"""The search finds a watermarked picture in every form that it says, and nothing where there is none."""

import gzip
import io
import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from forensics.search import CHUNK, find
from forensics.watermark import FIRST, SECOND

Grey = NDArray[np.uint8]
THUMBNAIL = (160, 120)


def scene(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A noisy picture with a blob between the bars, scaled down as a thumbnail would be; shape (height, width, 3)."""
    dice = np.random.default_rng(7)
    picture = dice.integers(90, 160, (576, 768, 3), np.uint8)
    picture[200:400, 300:360] = 30
    FIRST.lay_over(picture)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def coded(form: str, **how: object) -> Callable[[NDArray[np.uint8]], bytes]:
    def code(picture: NDArray[np.uint8]) -> bytes:
        out = io.BytesIO()
        Image.fromarray(picture).save(out, form, **how)
        return out.getvalue()

    return code


def yuyv(picture: NDArray[np.uint8]) -> bytes:
    out = np.full((*picture.shape[:2], 2), 128, np.uint8)
    out[:, :, 0] = picture[:, :, 1]
    return out.tobytes()


def rgba(picture: NDArray[np.uint8]) -> bytes:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]).tobytes()


FORMS: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
    "rgb": lambda p: p.tobytes(),
    "grey": lambda p: p[:, :, 1].tobytes(),
    "planar": lambda p: p.transpose(2, 0, 1).tobytes(),
    "nv12": lambda p: p[:, :, 1].tobytes() + bytes([128]) * (p[:, :, 1].size // 2),
    "yuyv": yuyv,
    "rgba": rgba,
    "int8": lambda p: (p.astype(np.int16) - 128).astype(np.int8).tobytes(),
    "float32 around 0": lambda p: (p / np.float32(127.5) - np.float32(1)).astype(np.float32).tobytes(),
    "float32 to 1": lambda p: (p / np.float32(255)).astype(np.float32).tobytes(),
    "float32 to 255": lambda p: p.astype(np.float32).tobytes(),
    "float16": lambda p: (p / 255).astype(np.float16).tobytes(),
    "jpeg": coded("JPEG", quality=50),
    "poor jpeg": coded("JPEG", quality=15),
    "png": coded("PNG"),
    "webp": coded("WEBP", quality=40),
    "gif": coded("GIF"),
    "gzip": lambda p: gzip.compress(p.tobytes()),
    "one row, hexadecimal": lambda p: p[4, :, 0].tobytes().hex().encode(),
    "one row, numbers": lambda p: str(p[4, :, 0].tolist()).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_found_in_every_form(form: str) -> None:
    dice = random.Random(form)
    around = dice.randbytes(5000), dice.randbytes(3001)
    content = around[0][: 4 * dice.randrange(100)] + FORMS[form](scene(THUMBNAIL)) + around[1]
    assert find(content, FIRST)
    assert not find(content, SECOND)


@pytest.mark.parametrize("form", ["rgb", "nv12", "float32 to 1", "jpeg"])
def test_a_whole_picture_is_found(form: str) -> None:
    assert find(FORMS[form](scene((768, 576))), FIRST)


def test_a_picture_across_two_chunks_is_found() -> None:
    content = bytes(CHUNK - 3000) + scene((320, 240)).tobytes()
    assert find(content, FIRST)


def test_nothing_is_found_where_nothing_is() -> None:
    dice = random.Random("nothing")
    runs = b"".join(bytes([dice.choice((0, 255))]) * dice.randint(2, 9) for _ in range(200_000))
    for content in (dice.randbytes(1 << 20), runs, bytes(1 << 20), b""):
        assert not find(content, FIRST)
        assert not find(content, SECOND)
