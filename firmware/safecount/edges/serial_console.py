"""Lines of text and Improv packets over a serial port: read without waiting, each at most so long; what is longer is dropped to
its end.

Untested on hardware: tests speak over a pseudo-terminal, which the kernel drives as it does the USB gadget's port.
"""

import os
import re
import termios
import time
from pathlib import Path
from typing import Self

from safecount.errors import SafecountError
from safecount.provisioning.improv import HEAD, packet_bytes
from safecount.wire.code_text import MAX_SITE_CODE_CHARACTERS

MAX_LINE_BYTES = MAX_SITE_CODE_CHARACTERS + 64
PACKET_WITHIN_S = 1.0
"""A packet that stops in the middle for so long does not go on."""
_READ_BYTES, _READS = 4096, 64
_LINE_END = re.compile(rb"[\r\n]")


class LineBuffer:
    """Holds the line or packet that is not whole yet, at most MAX_LINE_BYTES of it. A line that grows longer is told as ""."""

    def __init__(self) -> None:
        self._begun = b""
        self._dropping = False

    def feed(self, untrusted: bytes) -> list[str | bytes]:
        """What these bytes complete: lines as text, in which bytes that are not ASCII are question marks; Improv packets, which
        begin a line, as bytes.
        """
        told: list[str | bytes] = []
        rest = self._begun + untrusted
        while rest:
            if self._dropping or not rest.startswith(HEAD[: len(rest)]):
                found = _LINE_END.search(rest)
                end = found.start() if found else None
            else:
                end = _packet_end(rest)
                if end is not None:
                    told.append(rest[:end])
                    rest = rest[end:]
                    continue
            if end is None:
                break
            line, rest = rest[:end], rest[end + 1 :]
            told.append("" if self._dropping or end > MAX_LINE_BYTES else line.decode("ascii", "replace"))
            self._dropping = False
        if len(rest) > MAX_LINE_BYTES or self._dropping:
            rest, self._dropping = b"", True
        self._begun = rest
        return told

    def give_up_packet(self) -> None:
        """Forget a packet whose end does not come: what follows are lines again."""
        if self._begun.startswith(HEAD):
            self._begun = b""


def _packet_end(begun: bytes) -> int | None:
    size = packet_bytes(begun)
    return size if size is not None and size <= len(begun) else None


class SerialConsole:
    """A serial port, raw, 115200 baud where that means anything. SafecountError if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = LineBuffer()
        self._descriptor = -1
        self._heard_s = float("-inf")

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

    def heard(self) -> list[str | bytes]:
        """The lines and packets that have come since the last call; none if nobody is there."""
        told: list[str | bytes] = []
        try:
            for _ in range(_READS):
                untrusted = os.read(self._descriptor, _READ_BYTES)
                if time.monotonic() - self._heard_s > PACKET_WITHIN_S:
                    self._buffer.give_up_packet()
                self._heard_s = time.monotonic()
                told += self._buffer.feed(untrusted)
        except OSError:  # nothing more to read, or the cable is out: the next look may find more
            return told
        return told

    def say(self, sentence: str) -> None:
        """Write one line. Where nobody reads, it is lost: a cable that is out stops nothing."""
        self._write(sentence.encode("ascii", "replace") + b"\r\n")

    def send(self, packet: bytes) -> None:
        """Write one packet, and an end of line behind it, as `say` does."""
        self._write(packet + b"\n")

    def _write(self, raw: bytes) -> None:
        try:
            os.write(self._descriptor, raw)
        except OSError:
            return
