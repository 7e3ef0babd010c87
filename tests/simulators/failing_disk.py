"""A disk that returns errors: strace(1) answers what a running process asks of some files with EIO, at the system call."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian import need
from simulators.device import wait_until

ALL = "pread64,pwrite64,write,ftruncate,fsync,fdatasync"
"""All that SQLite asks of a disk; its -shm file is memory."""


@contextmanager
def failing_disk(pid: int, database: Path, when: str = "1+1", calls: str = ALL) -> Iterator[None]:
    """While the block runs, the disk under a database of the process fails. The process may be killed meanwhile.

    `when` is strace's: "1+1" every call, "2+3" every third from the second on, counted for each thread and kind of call.
    """
    database = database.resolve()
    files = (database.parent, database, *(database.with_name(database.name + end) for end in ("-wal", ".probe")))
    command = [need("strace"), "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"inject={calls}:error=EIO:when={when}"]
    command += [part for file in files for part in ("-P", str(file))]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _all_traced_by(tracer, pid), "strace holds the process (it must be allowed to: ptrace(2))")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def _all_traced_by(tracer: subprocess.Popen[bytes], pid: int) -> bool:
    assert tracer.poll() is None, f"strace ended with {tracer.returncode}"
    states = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/status")]
    return all(f"TracerPid:\t{tracer.pid}\n" in state for state in states)
