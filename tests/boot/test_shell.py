"""What a command prints is told apart from what its terminal shows besides, by a real shell on a real terminal."""

import os
import pty
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from boot.shell import ShellError, ask


@pytest.fixture(params=["bash", "dash"])
def shell(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """The near end of the wire."""
    program = shutil.which(request.param)
    assert program
    terminal, inside = pty.openpty()
    environment = {"PATH": os.defpath, "TERM": "vt220", "PS1": "\\[\\e[1m\\]root@device# "}
    process = subprocess.Popen(
        [program, "-i"], stdin=inside, stdout=inside, stderr=inside, env=environment, start_new_session=True
    )
    os.close(inside)
    near, far = socket.socketpair()

    def to_shell() -> None:
        while typed := far.recv(4096):
            os.write(terminal, typed)

    def from_shell() -> None:
        while True:
            try:
                far.sendall(os.read(terminal, 4096))
            except OSError:  # the shell has ended
                return

    threads = [threading.Thread(target=work) for work in (to_shell, from_shell)]
    for thread in threads:
        thread.start()
    yield near
    near.sendall(b"exit\n")
    process.wait()
    near.shutdown(socket.SHUT_WR)
    for thread in threads:
        thread.join()
    os.close(terminal)
    near.close()
    far.close()


def test_it_tells_what_a_command_prints_and_nothing_else(shell: socket.socket) -> None:
    for length in range(1, 90, 11):
        assert ask(shell, ": " + "x" * length, 10) == ""
        assert ask(shell, f"echo {'x' * length}; printf 'no end'", 10) == "x" * length + "\nno end"


def test_a_command_that_fails_says_so_with_its_words(shell: socket.socket) -> None:
    with pytest.raises(ShellError, match=r"ended with 3:\nwhy"):
        ask(shell, "(echo why; exit 3)", 10)


def test_one_that_takes_too_long_is_given_up(shell: socket.socket) -> None:
    with pytest.raises(ShellError, match="took longer than 1 s"):
        ask(shell, "sleep 2", 1)
    assert ask(shell, "echo next", 10) == "next"
