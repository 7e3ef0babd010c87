"""The spool as a file on a disk that may be full, fail, or have damaged it; and the errors that tell which.

A disk that cannot read and a file that is damaged look the same to SQLite: it says SQLITE_CORRUPT to both. Only the
second is set aside, so that no record is given up for an error that passes.
"""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import IntEnum
from pathlib import Path

from safecount.edges.durable_file import sync_folder
from safecount.errors import SafecountError

READ_AGAIN_FOR_S = 20.0
"""How long a page may be unreadable before it is taken to be gone; less than the seal process's watchdog."""
_READ_AGAIN_EVERY_S = 0.5
_PAGE_BYTES = 4096
_MODE = 0o660
_FAILING = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNREAD = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}


class _Pages(IntEnum):
    """How a child read all pages, as its exit code."""

    WELL = 0
    LATE = 1
    GONE = 2


class SpoolError(SafecountError):
    """The spool cannot be used. Nothing that was stored before is harmed by it."""


class SpoolNoRoom(SpoolError):  # noqa: N818 - it names the state of the disk
    """The disk is full or fails. Nothing was stored; the call may be repeated."""


class SpoolDiskFails(SpoolNoRoom):
    """The disk does not read or take what it should, for another reason than being full: it is worn out, or gone."""


class SpoolMissing(SpoolError):  # noqa: N818 - it names what is missing
    """The seal process has not made the spool yet."""


class SpoolDamaged(SpoolError):  # noqa: N818 - it names the state of the file
    """The file is no spool, or not a whole one."""


class SpoolTooNew(SpoolError):  # noqa: N818 - it names the state of the file
    """A spool in the format of another version of this program: to be left as it is for that one."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the spool at this path into a SpoolError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        kind = code & 0xFF
        if kind == sqlite3.SQLITE_FULL:
            raise SpoolNoRoom(f"The spool {path} cannot be written: its disk is full.") from error
        if (kind in _DAMAGED or code in _UNREAD) and _is_damaged(path):
            raise SpoolDamaged(f"The spool {path} is damaged: set it aside and begin another.") from error
        if kind in _FAILING | _DAMAGED:
            raise SpoolDiskFails(f"The spool {path} cannot be read or written: its disk fails.") from error
        raise SpoolError(f"The spool {path} cannot be used: {error}.") from error


def _is_damaged(path: Path) -> bool:
    """Whether the file is damaged, or a part of it gone for good. No error that may pass is taken for it, nor is a disk
    that fails as a whole: what it holds may be back tomorrow.
    """
    if not _takes_a_file(path.with_name(f"{path.name}.probe")):
        return False
    try:
        return _reads_well(path) and not _is_sound(path) and _reads_well(path)
    except OSError:
        return True


def _takes_a_file(probe: Path) -> bool:
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PAGE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
    except OSError:
        return False
    return True


def _reads_well(path: Path) -> bool:
    """Whether every page of the spool could be read at once; OSError if one cannot be read in `READ_AGAIN_FOR_S`.

    A process that closes a file loses all its locks on it (fcntl(2)), those that SQLite holds among them: whoever closed the
    spool next would take itself for the last, and remove the log in which this process goes on to store. So a child reads.
    """
    child = os.fork()
    if not child:
        told = _Pages.GONE
        try:
            told = _Pages.WELL if _every_page_at_once(path) else _Pages.LATE
        finally:
            os._exit(told)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == _Pages.GONE:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
    return code == _Pages.WELL


def _every_page_at_once(path: Path) -> bool:
    for name in (path.name, f"{path.name}-wal"):
        with suppress(FileNotFoundError), path.with_name(name).open("rb", buffering=0) as file:
            for offset in range(0, os.fstat(file.fileno()).st_size, _PAGE_BYTES):
                if not _reads_page(file.fileno(), offset):
                    return False
    return True


def _reads_page(file: int, offset: int) -> bool:
    """Whether the first attempt read the page; OSError if none did."""
    at_once, until_s = True, time.monotonic() + READ_AGAIN_FOR_S
    while True:
        try:
            os.pread(file, _PAGE_BYTES, offset)
        except OSError:
            at_once = False
            if time.monotonic() > until_s:
                raise
            time.sleep(_READ_AGAIN_EVERY_S)
        else:
            return at_once


def _is_sound(path: Path) -> bool:
    """Whether SQLite, asked afresh, finds nothing wrong."""
    try:
        with closing(sqlite3.connect(path)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF not in _DAMAGED


def make_file(path: Path, *, make: bool) -> None:
    """See that the file is there, for its owner and the group of its folder: SQLite gives the -wal and -shm files
    beside it the same mode.
    """
    if not make and not path.exists():
        raise SpoolMissing(f"There is no spool {path} yet.")
    try:
        with suppress(FileExistsError):
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE)
            os.fchmod(made, _MODE)  # whatever the umask of the process
            os.close(made)
    except OSError as error:
        raise (SpoolNoRoom if error.errno == errno.ENOSPC else SpoolError)(
            f"The spool {path} cannot be made: {error.strerror}."
        ) from error


def path_set_aside(path: Path) -> Path:
    """Where a damaged spool of this place lies."""
    return path.with_name(f"{path.name}.damaged")


def set_aside(path: Path) -> None:
    """Put a damaged spool beside its place, over one that was put there before, so that another can be begun."""
    path.replace(path_set_aside(path))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def remove_spool(path: Path) -> None:
    """Take the spool away with all that is in it, and one that was set aside. OSError if the disk does not take it."""
    for one in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")), path_set_aside(path)):
        one.unlink(missing_ok=True)
    sync_folder(path.parent)
