"""Small files that other processes put in place: reading them within a limit, and noticing that they were replaced."""

from pathlib import Path


def read_small(path: Path, limit: int) -> bytes | None:
    """The bytes of a file, at most one more than `limit`, which its parser then refuses; None if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError:
        return None


class WatchedFiles:
    """Remembers the stamps of the last look, which costs one system call a file."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._stamps: list[tuple[int, int, int] | None] | None = None

    def changed(self) -> bool:
        """Whether any of the files came, went or was replaced since the last call; True at the first."""
        before, self._stamps = self._stamps, [_stamp(path) for path in self._paths]
        return before != self._stamps


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
