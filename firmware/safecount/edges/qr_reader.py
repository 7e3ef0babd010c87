"""Site codes and Wi-Fi codes in a picture's brightness, by zxing-cpp. What else a QR code says goes no further than here."""

import numpy as np
from numpy.typing import NDArray

from safecount.edges.code_socket import wanted


def read_codes(luma: NDArray[np.uint8]) -> tuple[str, ...]:
    """The codes for a device in a picture (height, width) of uint8; nothing is known yet of what they say.

    A code that is not read at once is looked for in the picture at twice its size: in half of the pictures of a code that is
    held aslant, two pixels a module are enough for that and for nothing else (`make bench-qr`).
    """
    return _read(luma) or _read(doubled(luma))


def doubled(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the mean of its neighbours between any two pixels: (2 height - 1, 2 width - 1)."""
    height, width = luma.shape
    wide = np.empty((2 * height - 1, 2 * width - 1), np.uint16)
    wide[::2, ::2] = luma
    wide[::2, 1::2] = (wide[::2, :-2:2] + wide[::2, 2::2]) >> 1
    wide[1::2] = (wide[:-2:2] + wide[2::2]) >> 1
    return wide.astype(np.uint8)


def _read(luma: NDArray[np.uint8]) -> tuple[str, ...]:
    import zxingcpp  # noqa: PLC0415 - a device that belongs to a site never loads it

    kinds = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(luma, formats=kinds, try_invert=False)
    return tuple(one.text for one in found if wanted(one.text))
