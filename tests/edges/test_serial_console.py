"""Lines out of whatever bytes a serial port gives."""

from hypothesis import given
from hypothesis import strategies as st

from safecount.edges.serial_console import MAX_LINE_BYTES, LineBuffer


def test_half_lines_are_joined_and_ends_of_every_kind_taken() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"sta") == []
    assert buffer.feed(b"tus\r\nhelp\rserial\n") == ["status", "", "help", "serial"]


def test_a_line_of_ten_megabytes_is_dropped_and_the_next_one_read() -> None:
    buffer = LineBuffer()
    for _ in range(2560):
        assert buffer.feed(b"A" * 4096) == []
        assert len(buffer._begun) <= MAX_LINE_BYTES  # noqa: SLF001 - the bound is the point
    assert buffer.feed(b"tail\nstatus\n") == ["", "status"]


@given(st.lists(st.binary(max_size=200)))
def test_lines_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    cut, whole = LineBuffer(), LineBuffer()
    lines = [line for piece in pieces for line in cut.feed(piece)]
    assert sum(map(len, pieces)) > MAX_LINE_BYTES or lines == whole.feed(b"".join(pieces))
