"""Tries, from inside a sandbox, everything that a process that was taken over would try, and says what got through.

A program for the device's own Python, of the standard library alone. Its argument is a file of wishes: what lies around it on
this device, found by root. It prints one JSON map of attempts, each "through" or "refused: ERRNO". An attempt that ends in
another error than a refusal (the reboot's number is wrong, the camera's node has no camera behind it) got through all the same.
Each attempt is made in a child of its own, so that none helps or harms the next.
"""

import ctypes
import errno
import json
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

Attempt = tuple[str, Callable[[], object], frozenset[int]]

LIBC = ctypes.CDLL(None, use_errno=True)
# Calls without a function in the C library; linux/include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl.
NAMES = ("reboot", "keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd", "kexec_load")
OF_MACHINE = {"aarch64": (142, 219, 217, 280, 241, 282, 104), "x86_64": (169, 250, 248, 321, 298, 323, 246)}
NUMBERS = dict(zip(NAMES, OF_MACHINE[platform.machine()], strict=True)) | {
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
}
NOTHING: frozenset[int] = frozenset()
CLONE = {"user": 0x10000000, "mount": 0x00020000, "network": 0x40000000, "process": 0x20000000}
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
PAGE = 4096


class Wishes:
    """What is there to be tried: `processes` by name, paths to read and to write to, sockets, and an address outside."""

    def __init__(self, path: str) -> None:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        self.processes: dict[str, int] = told["processes"]
        self.read: list[str] = told["read"]
        self.write: list[str] = told["write"]
        self.sockets: list[str] = told["sockets"]
        self.outside: tuple[str, int] = (told["outside"][0], told["outside"][1])
        self.shared_memory_key: int = told["shared_memory_key"]


def call(function: str, *arguments: object) -> int:
    """A call of the C library, or of the kernel where that has none."""
    ctypes.set_errno(0)
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    if function in NUMBERS:
        result: int = LIBC.syscall(ctypes.c_long(NUMBERS[function]), *words)
    else:
        result = getattr(LIBC, function)(*words)
    if result == -1:
        raise OSError(ctypes.get_errno(), function)
    return result


def network(wishes: Wishes) -> Iterator[Attempt]:
    for name, family, kind in (
        ("inet", socket.AF_INET, socket.SOCK_STREAM),
        ("inet6", socket.AF_INET6, socket.SOCK_STREAM),
        ("netlink", socket.AF_NETLINK, socket.SOCK_RAW),
        ("packet", socket.AF_PACKET, socket.SOCK_RAW),
        ("cipher", socket.AF_ALG, socket.SOCK_SEQPACKET),
        ("bluetooth", 31, socket.SOCK_RAW),
        ("vsock", socket.AF_VSOCK, socket.SOCK_STREAM),
    ):
        yield f"socket {name}", partial(socket.socket, family, kind), NOTHING
    yield "socket raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), NOTHING
    yield "see the network's interfaces", see_interfaces, NOTHING
    yield "connect outside", lambda: socket.create_connection(wishes.outside, timeout=5), NOTHING
    yield "datagram outside", lambda: datagram(wishes.outside), NOTHING
    yield "listen to the network", listen, NOTHING


def see_interfaces() -> None:
    told = Path("/proc/self/net/dev").read_text(encoding="ascii")
    if not [line for line in told.splitlines()[2:] if not line.strip().startswith("lo:")]:
        raise OSError(errno.ENODEV, "only lo")


def datagram(outside: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"probe", outside)


def listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.bind(("0.0.0.0", 0))
        door.listen()


def local_sockets(wishes: Wishes) -> Iterator[Attempt]:
    for path in wishes.sockets:
        yield f"connect {path}", partial(connect, path), frozenset({errno.ECONNREFUSED, errno.EAGAIN})


def connect(path: str) -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as out:
            out.settimeout(5)
            try:
                out.connect(path)
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:
                    raise
            else:
                return


def files(wishes: Wishes) -> Iterator[Attempt]:
    for folder in wishes.write:
        yield f"write {folder}", partial(write, folder), NOTHING
        yield f"run from {folder}", partial(run_written, folder), NOTHING
    for path in wishes.read:
        # No camera behind its node: by then the node has been opened.
        yield f"read {path}", partial(read, path), frozenset({errno.ENXIO, errno.ENODEV, errno.EIO})


def write(target: str) -> None:
    if Path(target).is_dir():
        os.close(os.open(f"{target}/.probe-{os.getpid()}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        Path(f"{target}/.probe-{os.getpid()}").unlink()
    else:
        os.close(os.open(target, os.O_WRONLY))


def read(path: str) -> None:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.read(file, 1)


def processes(wishes: Wishes) -> Iterator[Attempt]:
    for name, pid in wishes.processes.items():
        # ESRCH is hidden: the process is there, root has named it.
        yield f"memory of {name}", partial(vm_read, pid), frozenset({errno.EFAULT})
        yield f"file of memory of {name}", partial(read_memory_file, pid), NOTHING
        yield f"trace {name}", partial(trace, pid), NOTHING
        yield f"handle of {name}", partial(handle_of, pid), frozenset({errno.EBADF})
        yield f"see {name}", Path(f"/proc/{pid}/stat").read_bytes, NOTHING
        yield f"signal {name}", partial(os.kill, pid, 0), NOTHING


def vm_read(pid: int) -> None:
    buffer = ctypes.create_string_buffer(8)
    ours, theirs = ((ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8), (ctypes.c_ulong * 2)(PAGE, 8))
    call("process_vm_readv", pid, ours, 1, theirs, 1, 0)


def read_memory_file(pid: int) -> None:
    os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))


def trace(pid: int) -> None:
    call("ptrace", PTRACE_SEIZE, pid, 0, 0)
    call("ptrace", PTRACE_DETACH, pid, 0, 0)


def handle_of(pid: int) -> None:
    call("pidfd_getfd", call("pidfd_open", pid, 0), 1000, 0)


def kernel(wishes: Wishes) -> Iterator[Attempt]:
    for name, flag in CLONE.items():
        yield f"new {name} namespace", partial(call, "unshare", flag), NOTHING
    yield "enter a namespace", lambda: call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0), NOTHING
    yield "mount", lambda: call("mount", b"none", b"/tmp", b"nothing", 0, None), frozenset({errno.ENODEV})
    yield "unmount", lambda: call("umount2", b"/usr/bin", 0), frozenset({errno.EINVAL})
    yield "change the root", lambda: os.chroot("/tmp"), NOTHING
    yield "make a device", lambda: os.mknod(f"/tmp/.node-{os.getpid()}", 0o20666, os.makedev(1, 1)), NOTHING
    yield "load a module", lambda: call("init_module", b"\0" * 64, 64, b""), frozenset({errno.ENOEXEC, errno.EINVAL})
    yield "load a kernel", lambda: call("kexec_load", 0, 0, None, 1 << 62), frozenset({errno.EINVAL})
    yield "reboot", lambda: call("reboot", 0, 0, 0, 0), frozenset({errno.EINVAL})
    yield "set the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()), NOTHING
    yield "set the host's name", lambda: socket.sethostname(socket.gethostname()), NOTHING
    yield "swap", lambda: call("swapon", b"/nothing", 0), frozenset({errno.ENOENT, errno.EINVAL})
    yield "kernel's log", lambda: call("klogctl", 3, ctypes.create_string_buffer(64), 64), NOTHING
    yield "kernel's keys", lambda: call("keyctl", 0, -3, 1), NOTHING
    yield "add a key", lambda: call("add_key", b"user", b"probe", b"x", 1, -3), NOTHING
    yield "load a bpf program", lambda: call("bpf", 5, None, 0), frozenset({errno.EINVAL, errno.EFAULT, errno.E2BIG})
    yield "performance counters", lambda: call("perf_event_open", None, 0, -1, -1, 0), frozenset({errno.EFAULT})
    yield "catch page faults", lambda: call("userfaultfd", 0), NOTHING
    yield "io_uring", lambda: call("io_uring_setup", 4, ctypes.create_string_buffer(120)), NOTHING
    yield "shared memory of others", lambda: call("shmget", wishes.shared_memory_key, 0, 0), NOTHING


def itself() -> Iterator[Attempt]:
    yield "become root", lambda: call("setresuid", 0, 0, 0), NOTHING
    yield "take a capability", lambda: answer("prctl", 23, 21, 0, 0, 0, wanted=1), NOTHING
    yield "a file that gives its rights", set_uid_file, NOTHING
    yield "writable code", lambda: mmap.mmap(-1, PAGE, prot=7), NOTHING
    yield "memory that becomes code", becomes_code, NOTHING
    yield "code from a file in memory", code_from_memory_file, NOTHING
    yield "another personality", lambda: call("personality", 0x0040000), NOTHING
    yield "real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), NOTHING
    yield "core files", core_files, NOTHING
    yield "new privileges by exec", lambda: answer("prctl", 39, 0, 0, 0, 0, wanted=0), NOTHING


def answer(function: str, *arguments: object, wanted: int) -> None:
    if call(function, *arguments) != wanted:
        raise OSError(errno.EPERM, function)


def set_uid_file() -> None:
    path = Path(f"/tmp/.rights-{os.getpid()}")
    path.touch()
    try:
        path.chmod(0o6700)
    finally:
        path.unlink()


def becomes_code() -> None:
    page = mmap.mmap(-1, PAGE)
    call("mprotect", ctypes.byref(ctypes.c_char.from_buffer(page)), PAGE, mmap.PROT_READ | mmap.PROT_EXEC)


def code_from_memory_file() -> None:
    file = os.memfd_create("probe")
    os.write(file, b"\0" * PAGE)
    mmap.mmap(file, PAGE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)


def run_written(folder: str) -> None:
    path = Path(f"{folder}/.program-{os.getpid()}")
    path.write_bytes(Path("/usr/bin/true").read_bytes())
    path.chmod(0o700)
    try:
        subprocess.run([path], check=True)
    finally:
        path.unlink()


def core_files() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise OSError(errno.EPERM, "none may be written")


def outcome(attempt: Callable[[], object], beyond: frozenset[int]) -> str:
    """ "through", "refused: ERRNO", or "died: SIGNAL", from a child that has tried."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            attempt()
            told = 0
        except OSError as error:
            told = error.errno or errno.EIO
        os.write(writer, struct.pack("i", 0 if told in beyond else told))
        os._exit(0)
    os.close(writer)
    heard = os.read(reader, 4)
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if len(heard) != struct.calcsize("i"):
        return "refused: SIGSYS" if status == -signal.SIGSYS else f"died: {status}"
    number = struct.unpack("i", heard)[0]
    return f"refused: {errno.errorcode.get(number, number)}" if number else "through"


def main(path: str) -> None:
    wishes = Wishes(path)
    groups = (network(wishes), local_sockets(wishes), files(wishes), processes(wishes), kernel(wishes), itself())
    told = {name: outcome(attempt, beyond) for group in groups for name, attempt, beyond in group}
    json.dump(told, sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
