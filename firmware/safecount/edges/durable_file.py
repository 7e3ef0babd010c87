"""Small files that are either as before or as after, whatever is cut: written beside, synced, renamed, synced."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o640) -> None:
    """Make `content` the file at `path`, on disk when this returns. OSError if the disk does not take it."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)  # what a cut left there may be another process's, and not ours to write
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.rename(path)
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Take the file away if it is there; gone from the disk's directory when this returns."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in or removed from `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
