"""A push button on the board, as the kernel's gpio-keys gives it: events of an input device (Documentation/input/input.rst).

A press counts when it is let go, by how long it was held on the kernel's own clock. Untested on hardware: tests write the
same events into a pipe.
"""

import os
import struct
from pathlib import Path
from typing import Self

_EVENT = struct.Struct("llHHi")
"""struct input_event: seconds, microseconds, type, code, value."""
_EV_KEY, _DOWN, _UP = 1, 1, 0
_EVENTS_A_LOOK = 64


class Button:
    """Remembers since when the button has been held, and the event that is not whole yet. A board without one says nothing."""

    def __init__(self, path: str) -> None:
        """`path` is such as /dev/input/event0; "" for a board without a button."""
        self._path = Path(path) if path else None
        self._descriptor = -1
        self._held_since_s: float | None = None
        self._begun = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def presses(self) -> list[float]:
        """For how many seconds the button was held, one for each time it was let go since the last call."""
        raw = self._begun + self._read()
        whole = len(raw) // _EVENT.size * _EVENT.size
        self._begun = raw[whole:]
        presses = []
        for seconds, micros, kind, _, value in _EVENT.iter_unpack(raw[:whole]):
            at_s = seconds + micros / 1e6
            if kind == _EV_KEY and value == _DOWN:
                self._held_since_s = at_s
            elif kind == _EV_KEY and value == _UP and self._held_since_s is not None:
                presses.append(max(0.0, at_s - self._held_since_s))
                self._held_since_s = None
        return presses

    def _read(self) -> bytes:
        if self._path is None:
            return b""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            return os.read(self._descriptor, _EVENTS_A_LOOK * _EVENT.size)
        except BlockingIOError:
            return b""
        except OSError:  # not there, or gone: the next look may find it
            self.__exit__()
            self._begun, self._held_since_s = b"", None
            return b""
