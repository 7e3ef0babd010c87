"""The board's button, by events as the kernel writes them."""

import os
import struct
from pathlib import Path

import pytest

from safecount.edges.button import Button

EV_KEY, EV_SYN = 1, 0


def event(at_s: float, value: int, kind: int = EV_KEY) -> bytes:
    return struct.pack("llHHi", int(at_s), round(at_s % 1 * 1e6), kind, 141, value)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "event0"
    os.mkfifo(path)
    return path


def test_a_press_is_told_when_it_is_let_go_with_its_length(pipe: Path) -> None:
    with Button(str(pipe)) as button:
        assert button.presses() == []
        kernel = os.open(pipe, os.O_WRONLY)
        os.write(kernel, event(100.5, 1) + event(100.5, 0, EV_SYN) + event(101.0, 2))
        assert button.presses() == []
        os.write(kernel, event(101.25, 0) + event(105.0, 1) + event(116.0, 0))
        assert button.presses() == pytest.approx([0.75, 11.0])
        assert button.presses() == []
        os.close(kernel)


def test_an_event_may_come_in_pieces_and_a_button_may_come_late(pipe: Path, tmp_path: Path) -> None:
    late = tmp_path / "late"
    with Button(str(late)) as button:
        assert button.presses() == []
        pipe.rename(late)
        button.presses()
        kernel = os.open(late, os.O_WRONLY)
        whole = event(1.0, 1) + event(2.0, 0)
        os.write(kernel, whole[:30])
        assert button.presses() == []
        os.write(kernel, whole[30:])
        assert button.presses() == [1.0]
        os.close(kernel)


def test_a_release_without_a_press_and_a_board_without_a_button_say_nothing(pipe: Path) -> None:
    with Button(str(pipe)) as button:
        button.presses()
        kernel = os.open(pipe, os.O_WRONLY)
        os.write(kernel, event(1.0, 0))
        assert button.presses() == []
        os.close(kernel)
    assert Button("").presses() == []
