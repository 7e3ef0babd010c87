"""A shell at the other end of a wire: what a command prints in it, and how it ends.

The wire carries what a person at a terminal would see: the line that was typed, broken where the terminal is full, prompts,
colours. What the command prints stands between two marks that the typed line does not hold as they are printed.
"""

import re
import select
import socket
import time
from collections.abc import Callable

DECORATION = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r")


class ShellError(AssertionError):
    """The command took too long, or ended with another exit code than 0."""


def ask(shell: socket.socket, command: str, within_s: float, meanwhile: Callable[[], None] = lambda: None) -> str:
    """What a command, in one line, prints; `meanwhile` is called again and again until it has ended.

    Raises:
        ShellError: as it says.
    """
    mark = f"-{time.monotonic_ns()}"
    shell.sendall(f"echo begin'{mark}'; {command}; echo end'{mark}' $?\n".encode())
    answer = re.compile(rf"begin{mark}\r?\n(.*?)end{mark} (\d+)".encode(), re.DOTALL)
    heard, until_s = b"", time.monotonic() + within_s
    while not (found := answer.search(heard)):
        if time.monotonic() > until_s:
            raise ShellError(f"{command!r} took longer than {within_s:.0f} s: {heard[-2000:].decode(errors='replace')}")
        meanwhile()
        if select.select([shell], [], [], 0.2)[0]:
            heard += shell.recv(65536)
    told = "\n".join(DECORATION.sub("", found[1].decode(errors="replace")).splitlines())
    if found[2] != b"0":
        raise ShellError(f"{command!r} ended with {found[2].decode()}:\n{told}")
    return told
