"""Processes of the device, and the collector, that are started in milliseconds, to be killed by the thousand.

A process that has everything imported and holds no thread forks one child a role. Run as a program it is that process:
it reads "ROLE SETTINGS", "collector FOLDER" or "reap PID" on stdin and answers each line with a number.
"""

import gc
import importlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

ROLES = ("seal", "uplink")


class Nursery:
    """Remembers the one process of each role that runs. Use it from one thread."""

    def __init__(self, settings_file: Path) -> None:
        self._settings_file = settings_file
        self._pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *exc: object) -> None:
        for role in list(self._pids):
            self.kill(role)
        self._process.communicate()

    def start(self, role: str) -> None:
        self._pids[role] = self._ask(f"{role} {self._settings_file}")

    def start_collector(self, folder: Path) -> None:
        """Serve a collector's folder; it is known by the name "collector"."""
        self._pids["collector"] = self._ask(f"collector {folder}")

    def kill(self, role: str) -> None:
        """SIGKILL; AssertionError if the process had ended before by itself."""
        pid = self._pids.pop(role)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        status = self._ask(f"reap {pid}")
        assert os.WIFSIGNALED(status), f"{role} was still alive, and had not ended with {status}"

    def pid(self, role: str) -> int:
        return self._pids[role]

    def limit_files(self, role: str, size: int) -> None:
        """Let no file of the process grow beyond `size` bytes, as on a disk that is full there; -1 for no limit."""
        resource.prlimit(self._pids[role], resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _ask(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _serve() -> None:
    starts: dict[str, Callable[[Path], object]] = {
        name: importlib.import_module(f"safecount.roles.{name}").run for name in ROLES
    }
    gc.freeze()
    for line in sys.stdin:
        word, rest = line.split(maxsplit=1)
        if word == "collector" and word not in starts:
            starts[word] = _collector()
            gc.freeze()
        if word == "reap":
            answer = os.waitpid(int(rest), 0)[1]
        else:
            answer = os.fork()
            if answer == 0:
                for stream in (1, 2):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
                try:
                    starts[word](Path(rest.strip()))
                finally:
                    os._exit(1)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _collector() -> Callable[[Path], object]:
    """The collector's own command, imported when the first one is wanted."""
    importlib.import_module("safecount_ops.collector.serve")
    main = importlib.import_module("safecount_ops.__main__").main
    return lambda folder: main(["collector", "serve", str(folder)])


if __name__ == "__main__":
    _serve()
