"""The memory of a process of this machine, as the kernel gives it to whoever may trace it (proc_pid_mem(5))."""

import re
from pathlib import Path

import numpy as np

LINE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw.. \S+ \S+ \S+ *(.*)$")
PAGE = 4096


def memory_of(pid: int) -> bytes:
    """All that the process has written: its pages that can be written to, one after the other, without those of zeros."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            found = LINE.match(line)
            if found is None or found[3].startswith(("[v", "/dev/")):
                continue
            begin, end = int(found[1], 16), int(found[2], 16)
            memory.seek(begin)
            try:
                pages = np.frombuffer(memory.read(end - begin), np.uint64).reshape(-1, PAGE // 8)
            except (OSError, ValueError):  # it has been given back between the two looks
                continue
            parts.append(pages[pages.any(axis=1)].tobytes())
    return b"".join(parts)
