"""LineBuffer: bytes of a serial port in two parts; lines and packets stay within their bounds, however they are cut."""

from safecount.edges.serial_console import MAX_LINE_BYTES, LineBuffer
from safecount.provisioning.improv import HEAD, MAX_PACKET_BYTES

SEEDS = [
    b"status\r\nWIFI:T:WPA;S:street;P:correct horse;;\nSC1:ABC\r",
    b"A" * 3000 + b"\nhelp\n",
    b"serial\n" + HEAD + b"\x03\x02\x02\x00\xe5\nstatus\n" + HEAD + b"\x03\x20\x01\x1e",
]


def one_input(data: bytes) -> None:
    buffer, whole = LineBuffer(), LineBuffer()
    half = len(data) // 2
    told = buffer.feed(data[:half]) + buffer.feed(data[half:])
    for one in told:
        if isinstance(one, bytes):
            assert one.startswith(HEAD)
            assert len(one) <= MAX_PACKET_BYTES
        else:
            assert len(one) <= MAX_LINE_BYTES
            assert "\n" not in one
    assert len(data) > MAX_LINE_BYTES or told == whole.feed(data)
    buffer.give_up_packet()
    assert buffer.feed(b"\nstatus\n")[-1] == "status"
