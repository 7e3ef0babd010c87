"""LineBuffer: bytes of a serial port in two parts; lines stay within their bound, however they are cut."""

from safecount.edges.serial_console import MAX_LINE_BYTES, LineBuffer

SEEDS = [b"status\r\nWIFI:T:WPA;S:street;P:correct horse;;\nSC1:ABC\r", b"A" * 3000 + b"\nhelp\n"]


def one_input(data: bytes) -> None:
    buffer = LineBuffer()
    half = len(data) // 2
    lines = buffer.feed(data[:half]) + buffer.feed(data[half:])
    assert all(len(line) <= MAX_LINE_BYTES and "\n" not in line for line in lines)
    assert buffer.feed(b"\nstatus\n")[-1] == "status"
