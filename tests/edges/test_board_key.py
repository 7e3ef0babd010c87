import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from safecount.edges.board_key import board_key, key_in, question

KEY = bytes(range(1, 33))
ANSWERED = 0x80000000


def answer(key: bytes = KEY, code: int = ANSWERED, length: int = ANSWERED | 40) -> bytes:
    """As the firmware answers in place: the question's buffer, with codes and rows filled in."""
    buffer = bytearray(question(0x00030081))
    struct.pack_into("<I", buffer, 4, code)
    struct.pack_into("<I", buffer, 16, length)
    buffer[28:60] = key
    return bytes(buffer)


def test_a_question_tells_its_own_length_and_asks_for_eight_rows() -> None:
    words = struct.unpack("<16I", question(0x00030081))
    assert words[:7] == (64, 0, 0x00030081, 40, 0, 0, 8)
    assert not any(words[7:])


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_the_key_is_the_eight_rows(key: bytes) -> None:
    assert key_in(answer(key)) == key


def test_an_empty_memory_an_error_and_an_unknown_tag_are_no_key() -> None:
    assert key_in(answer(bytes(32))) is None
    assert key_in(answer(code=0x80000001)) is None
    assert key_in(answer(length=0)) is None


def test_a_board_without_a_mailbox_has_no_key(tmp_path: Path) -> None:
    assert board_key(tmp_path / "vcio") is None


def test_something_that_is_no_mailbox_gives_no_key(tmp_path: Path) -> None:
    (tmp_path / "vcio").write_bytes(KEY)
    assert board_key(tmp_path / "vcio") is None
