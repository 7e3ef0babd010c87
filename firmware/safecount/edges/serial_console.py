"""Lines of text over a serial port: read without waiting, each at most so long; what is longer is dropped to its end.

Untested on hardware: tests speak over a pseudo-terminal, which the kernel drives as it does the USB gadget's port.
"""

import os
import termios
from pathlib import Path
from typing import Self

from safecount.errors import SafecountError
from safecount.wire.site_code import MAX_SITE_CODE_CHARACTERS

MAX_LINE_BYTES = MAX_SITE_CODE_CHARACTERS + 64
_READ_BYTES, _READS = 4096, 64


class LineBuffer:
    """Holds the line that is not whole yet, at most MAX_LINE_BYTES of it. A line that grows longer is told as ""."""

    def __init__(self) -> None:
        self._begun = b""
        self._dropping = False

    def feed(self, untrusted: bytes) -> list[str]:
        """The lines that these bytes complete, as text; bytes that are not ASCII become question marks."""
        lines = []
        *whole, rest = untrusted.replace(b"\r", b"\n").split(b"\n")
        for piece in whole:
            line = b"" if self._dropping else self._begun + piece
            self._begun, self._dropping = b"", False
            lines.append(line.decode("ascii", "replace") if len(line) <= MAX_LINE_BYTES else "")
        if self._dropping or len(self._begun) + len(rest) > MAX_LINE_BYTES:
            self._begun, self._dropping = b"", True
        else:
            self._begun += rest
        return lines


class SerialConsole:
    """A serial port, raw, 115200 baud where that means anything. SafecountError if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = LineBuffer()
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            settings = termios.tcgetattr(self._descriptor)
            settings[0] = settings[1] = settings[3] = 0  # raw: no echo, no translation, no signals
            settings[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
            settings[4] = settings[5] = termios.B115200
            termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)
        except (OSError, termios.error) as error:
            self.__exit__()
            raise SafecountError(f"The serial port {self._path} cannot be used: {error}.") from error
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def lines(self) -> list[str]:
        """The lines that have come since the last call; none if nobody is there."""
        lines: list[str] = []
        try:
            for _ in range(_READS):
                lines += self._buffer.feed(os.read(self._descriptor, _READ_BYTES))
        except OSError:  # nothing more to read, or the cable is out: the next look may find more
            return lines
        return lines

    def say(self, sentence: str) -> None:
        """Write one line. Where nobody reads, it is lost: a cable that is out stops nothing."""
        try:
            os.write(self._descriptor, sentence.encode("ascii", "replace") + b"\r\n")
        except OSError:
            return
