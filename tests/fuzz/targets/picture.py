"""read_codes: pictures before the camera, 96 pixels wide. Whatever it reads begins as a code for a device does."""

import numpy as np
import segno

from safecount.edges.code_socket import wanted
from safecount.edges.qr_reader import read_codes

WIDTH = 96


def _drawn(text: str) -> bytes:
    modules = np.array([list(row) for row in segno.make(text, error="l", micro=False).matrix], np.uint8)
    picture = (255 * (1 - np.pad(modules, 4))).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    return np.pad(picture, ((0, 0), (0, WIDTH - picture.shape[1])), constant_values=255).tobytes()


SEEDS = [_drawn("WIFI:T:nopass;S:open;;"), _drawn("SC1:00"), _drawn("https://example.org")]


def one_input(data: bytes) -> None:
    rows = len(data) // WIDTH
    if rows:
        assert all(map(wanted, read_codes(np.frombuffer(data, np.uint8, rows * WIDTH).reshape(rows, WIDTH))))
