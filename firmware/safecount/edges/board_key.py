"""The key that the board itself holds: the Pi's one-time-programmable memory, read through the firmware's mailbox.

Read only; it is written once, by hand, when a board is prepared (docs/image.md). Untested on hardware.
"""

import fcntl
import os
import struct
from pathlib import Path

MAILBOX = Path("/dev/vcio")
# ioctl(fd, IOCTL_MBOX_PROPERTY, buffer): _IOWR(100, 0, char *), drivers/char/broadcom/vcio.c.
_PROPERTY = 0xC0000000 | (8 << 16) | (100 << 8)
# Tags of the mailbox property interface: the private key (Pi 4 and later), and the customer's rows (all).
_TAGS = (0x00030081, 0x00030021)
_ROWS = 8
_ANSWERED = 0x80000000


def board_key(mailbox: Path = MAILBOX) -> bytes | None:
    """The 32 bytes of the board's key, or None where the board has no such memory or nothing was written to it."""
    try:
        descriptor = os.open(mailbox, os.O_RDWR)
    except OSError:
        return None
    try:
        for tag in _TAGS:
            answer = bytearray(question(tag))
            fcntl.ioctl(descriptor, _PROPERTY, answer)
            if key := key_in(bytes(answer)):
                return key
    except OSError:
        return None  # a firmware that knows no such tag
    finally:
        os.close(descriptor)
    return None


def question(tag: int) -> bytes:
    """The message that asks for rows 0 to 7 of a memory: lengths, tag, first row, number of rows, room, end."""
    value = struct.pack("<II", 0, _ROWS) + bytes(4 * _ROWS)
    body = struct.pack("<III", tag, len(value), 0) + value + struct.pack("<I", 0)
    return struct.pack("<II", 8 + len(body), 0) + body


def key_in(answer: bytes) -> bytes | None:
    """The key in the firmware's answer. None for an answer that is an error, another tag's, or all zeros."""
    (code,) = struct.unpack_from("<I", answer, 4)
    (response,) = struct.unpack_from("<I", answer, 16)
    key = answer[28 : 28 + 4 * _ROWS]
    if code != _ANSWERED or not response & _ANSWERED or not any(key):
        return None
    return key
