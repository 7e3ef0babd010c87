import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.edges.record_socket import RecordClient, RecordServer, Reply, SealUnreachable
from safecount.errors import SafecountError
from safecount.wire.local import Message, Welcome, encode_message
from safecount.wire.values import LedgerRow, Node
from simulators.records import HOUR_RECORD

WELCOME = Welcome((LedgerRow("north", Node.HOUR, 0, 3600, open=True),), 1_781_082_000)


class Seal:
    """A seal process in a thread, which stores into a list."""

    def __init__(self, path: Path) -> None:
        self.taken: list[Message] = []
        self.reply = Reply.STORED
        self.stopping = threading.Event()
        self.server = RecordServer(path)
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.stopping.is_set():
            self.server.serve_once(0.02, lambda: WELCOME, self.take)

    def take(self, message: Message) -> Reply:
        self.taken.append(message)
        return self.reply


@contextmanager
def sealing(path: Path) -> Iterator[Seal]:
    seal = Seal(path)
    with seal.server:
        seal.thread.start()
        try:
            yield seal
        finally:
            seal.stopping.set()
            seal.thread.join()


def test_the_welcome_comes_first_and_each_message_has_its_reply(tmp_path: Path) -> None:
    with sealing(tmp_path / "s") as seal, RecordClient(tmp_path / "s") as client:
        assert client.welcome == WELCOME
        for number, reply in enumerate(Reply):
            seal.reply = reply
            assert client.send(replace(HOUR_RECORD, entered=number)) is reply
        assert seal.taken == [replace(HOUR_RECORD, entered=number) for number in range(3)]


def test_a_new_counting_process_takes_the_place_of_the_old(tmp_path: Path) -> None:
    with sealing(tmp_path / "s") as seal:
        for _ in range(3):
            with RecordClient(tmp_path / "s") as client:
                assert client.send(HOUR_RECORD) is Reply.STORED
        assert len(seal.taken) == 3


FRAME = encode_message(HOUR_RECORD)


def ended(connection: socket.socket) -> bool:
    """Whether the other side hangs up: with a reset where it has left bytes unread, which Unix sockets tell."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a frame too long", b"\xff\xff\xff\xff"),
        ("no message", b"\0\0\0\1\0"),
        ("half a message, then gone", len(FRAME).to_bytes(4, "big") + FRAME[:50]),
        ("a picture", b"\x89PNG\r\n\x1a\n" * 500),
    ],
)
def test_what_is_no_message_ends_the_connection_and_is_not_taken(tmp_path: Path, what: str, data: bytes) -> None:
    with sealing(tmp_path / "s") as seal:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as rogue:
            rogue.settimeout(5)
            rogue.connect(str(tmp_path / "s"))
            rogue.recv(65536)
            rogue.sendall(data)
            rogue.shutdown(socket.SHUT_WR)
            assert ended(rogue)
        with RecordClient(tmp_path / "s") as client:
            assert client.send(HOUR_RECORD) is Reply.STORED
        assert seal.taken == [HOUR_RECORD]


def test_without_a_seal_process_the_counting_side_is_told(tmp_path: Path) -> None:
    with pytest.raises(SealUnreachable):
        RecordClient(tmp_path / "nobody")
    with sealing(tmp_path / "s"):
        client = RecordClient(tmp_path / "s")
    with client, pytest.raises(SealUnreachable):
        client.send(HOUR_RECORD)


def test_only_the_owner_and_the_group_may_connect(tmp_path: Path) -> None:
    with RecordServer(tmp_path / "s"):
        assert stat.S_IMODE((tmp_path / "s").lstat().st_mode) == 0o660
    with RecordServer(tmp_path / "s"):  # one that was left behind is replaced
        assert (tmp_path / "s").is_socket()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(SafecountError, match="cannot be made"):
        RecordServer(tmp_path / "s")
    assert (tmp_path / "s").read_text() == "mine"
