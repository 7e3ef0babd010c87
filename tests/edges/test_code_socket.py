import socket
import stat
from pathlib import Path

import pytest

from safecount.edges.code_socket import TEXTS_A_LOOK, CodeInbox, hand_on
from safecount.errors import SafecountError


def test_a_text_arrives_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "code.sock"
    assert not hand_on(path, "SC1:A"), "nobody listens"
    with CodeInbox(path) as inbox:
        assert inbox.texts() == []
        assert hand_on(path, "SC1:A")
        assert hand_on(path, "WIFI:S:street;;")
        assert inbox.texts() == ["SC1:A", "WIFI:S:street;;"]
        assert inbox.texts() == []
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_what_is_no_code_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "code.sock"
    with CodeInbox(path) as inbox, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for noise in (b"", b"\xff" * 9, b"SC1:\xff", b"SC1:" + b"A" * 60_000, b"status", b"WIFI:" + b"A" * 300):
            stranger.sendto(noise, str(path))
            assert inbox.texts() == []


def test_a_flood_is_refused_by_the_kernel_and_the_sender_does_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "code.sock"
    with CodeInbox(path) as inbox:
        sent = sum(hand_on(path, f"SC1:{number}") for number in range(2000))
        assert sent < 2000
        assert len(inbox.texts()) == TEXTS_A_LOOK


def test_a_socket_that_was_left_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "code.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    with CodeInbox(path):
        assert hand_on(path, "SC1:A")
    path.write_text("a file of somebody's")
    with pytest.raises(SafecountError, match="cannot be made"), CodeInbox(path):
        pass
    assert path.read_text() == "a file of somebody's"
