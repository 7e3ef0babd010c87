"""Looks for a watermark in any bytes: a file, a card, a capture of the wire, a dump of memory.

`find` looks at the bytes as pictures of every usual form: 8 bits (grey, planar, RGB, int8), every second byte (YUYV, 16 bits),
every fourth (RGBA), and floats of 2 and 4 bytes; then at what coded pictures (JPEG, PNG, WebP, GIF), compressed streams (zlib,
gzip) and text (hexadecimal, base64, lists of numbers) in them hold. It does not find a picture narrower than some 130 pixels,
turned on its side, or encrypted: no search can. That nothing else is written is shown from the other side, by what each process
may write at all (tests/boot/test_sandbox.py) and by the formats of what it does write (tests/proof/test_data_classes.py).
"""

import base64
import io
import re
import string
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from forensics.watermark import Watermark

CHUNK, OVERLAP = 4 << 20, 1 << 17
NARROWEST, WIDEST = 1.5, 400.0
"""Elements in a module of the code."""
CODED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8")
PACKED = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
TEXTS = {
    "hexadecimal": re.compile(rb"(?:[0-9a-f]{2}){200,}|(?:[0-9A-F]{2}){200,}"),
    "base64": re.compile(rb"[A-Za-z0-9+/]{240,}"),
    "numbers": re.compile(rb"(?:\d{1,3}[,; ]\s*){100,}\d{1,3}"),
}
SHORTEST_TEXT = 240
TEXT = np.isin(np.arange(256), np.frombuffer(string.ascii_letters.encode() + b"0123456789+/,; \n", np.uint8))
LARGEST_CODED, LARGEST_UNPACKED = 1 << 20, 32 << 20

ImageFile.LOAD_TRUNCATED_IMAGES = True


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a watermark: in which form, and at which byte."""

    form: str
    at: int


def find(content: bytes | memoryview, watermark: Watermark) -> list[Found]:
    """All rows of this watermark in it, the first of each form first; empty if there is none."""
    raw = memoryview(content)
    found = list(_raw(raw, watermark, ""))
    for start in range(0, len(raw), CHUNK):
        part = bytes(raw[start : start + CHUNK + OVERLAP])
        for form, at, inner in _inside(part):
            found += [Found(one.form, start + at) for one in _raw(memoryview(inner), watermark, f"{form}, ")]
    return found


def is_in_bytes(content: bytes, watermark: Watermark) -> bool:
    """Whether it lies in it as a picture of 8 bits: less than `find` sees, and quicker."""
    return bool(len(_rows(np.frombuffer(content, np.uint8) > 127, watermark)))


def _raw(content: memoryview, watermark: Watermark, outer: str) -> Iterator[Found]:
    for start in range(0, len(content), CHUNK):
        part = content[start : start + CHUNK + OVERLAP]
        for form, size, bits in _as_bits(part):
            yield from (Found(outer + form, start + int(at) * size) for at in _rows(bits, watermark))


def _as_bits(part: memoryview) -> Iterator[tuple[str, int, NDArray[np.bool_]]]:
    """The bytes as rows of dark and bright, in each form: its name, bytes an element, and whether each is bright."""
    plain = np.frombuffer(part, np.uint8)
    yield "8 bits", 1, plain > 127
    for step, offsets in ((2, (0, 1)), (4, (0, 1))):
        for offset in offsets:
            yield f"byte {offset} of {step}", step, plain[offset::step] > 127
    for size in (4, 2):
        numbers: NDArray[np.float32 | np.float16] = np.frombuffer(part[: len(part) // size * size], f"<f{size}")
        for middle in (0.0, 0.5, 127.5):
            with np.errstate(invalid="ignore"):
                yield f"float{8 * size} around {middle:g}", size, numbers > middle


def _rows(bits: NDArray[np.bool_], watermark: Watermark) -> NDArray[np.intp]:
    """Where rows of the watermark begin: the code's widths, in any scale, either way round."""
    code = np.array(watermark.code)
    edges = np.flatnonzero(bits[1:] != bits[:-1])
    if len(edges) <= len(code):
        return np.empty(0, np.intp)
    begin = np.arange(len(edges) - len(code))
    module = (edges[len(code) :] - edges[: -len(code)])[begin] / code.sum()
    fits = (module >= NARROWEST) & (module <= WIDEST)
    begin, module = begin[fits], module[fits]
    for number, width in enumerate(code):
        run = edges[begin + number + 1] - edges[begin + number]
        fits = np.abs(run - width * module) <= 0.5 * module + 0.75
        begin, module = begin[fits], module[fits]
    return np.asarray(edges[begin] + 1)


def _inside(part: bytes) -> Iterator[tuple[str, int, bytes]]:
    """What is coded in a part, as plain bytes: its form, where it begins, and what it holds."""
    for magic in CODED:
        for at in _places(part, magic):
            yield "coded picture", at, _decoded(part[at : at + LARGEST_CODED])
    for magic in PACKED:
        for at in _places(part, magic):
            unpacked = _unpacked(part[at : at + LARGEST_CODED], gzip=magic[0] == 0x1F)
            yield "compressed", at, unpacked
    for begin, text in _texts(part):
        for form, pattern in TEXTS.items():
            for match in pattern.finditer(text):
                yield form, begin + match.start(), _of_text(form, match[0])


def _places(part: bytes, magic: bytes) -> Iterator[int]:
    at = part.find(magic)
    while at >= 0:
        yield at
        at = part.find(magic, at + 1)


def _texts(part: bytes) -> Iterator[tuple[int, bytes]]:
    """The long stretches of letters and digits."""
    ends = np.flatnonzero(~TEXT[np.frombuffer(part, np.uint8)])
    ends = np.concatenate([[-1], ends, [len(part)]])
    for number in np.flatnonzero(np.diff(ends) > SHORTEST_TEXT):
        begin = int(ends[number]) + 1
        yield begin, part[begin : int(ends[number + 1])]


def _of_text(form: str, text: bytes) -> bytes:
    match form:
        case "hexadecimal":
            return bytes.fromhex(text.decode())
        case "base64":
            return base64.b64decode(text[: len(text) // 4 * 4])
        case _:
            return bytes(min(int(one), 255) for one in re.findall(rb"\d+", text))


def _decoded(part: bytes) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(io.BytesIO(part)).convert("L").tobytes()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return b""  # begins like a picture, and is none


def _unpacked(part: bytes, *, gzip: bool) -> bytes:
    try:
        return zlib.decompressobj(31 if gzip else 15).decompress(part, LARGEST_UNPACKED)
    except zlib.error:
        return b""
