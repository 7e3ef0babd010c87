"""The emulator's monitor: it stops the board for a moment and writes its memory down (QEMU's QMP, docs/interop/qmp-spec)."""

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from boot.firmware import MEMORY_BYTES, MEMORY_START

PATIENCE_S = 60.0


class Monitor:
    """Speaks over the emulator's socket, one JSON value a line."""

    def __init__(self, path: Path) -> None:
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.settimeout(PATIENCE_S)
        self._path = path

    def __enter__(self) -> Self:
        self._wire.connect(str(self._path))
        self._lines = self._wire.makefile("rwb")
        self._lines.readline()  # its greeting
        self._does("qmp_capabilities")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._wire.close()

    def save_memory(self, out: Path) -> None:
        """All of the board's memory as it is at one moment."""
        self._does("stop")
        self._does("pmemsave", val=MEMORY_START, size=MEMORY_BYTES, filename=str(out))
        self._does("cont")

    def _does(self, command: str, **arguments: object) -> None:
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self._lines.flush()
        while "return" not in (told := json.loads(self._lines.readline())):
            if "error" in told:
                raise OSError(f"the emulator refuses {command}: {told['error']['desc']}")
