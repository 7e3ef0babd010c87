"""decode_validation: what the seal process is asked to sign, and what a certificate says behind its signature."""

from datetime import date

from safecount.wire.code_line import CodeLine, Side
from safecount.wire.validation import LineRate, Rate, Validation, decode_validation, encode_validation

LINE = CodeLine("north", (0, 500), (1000, 480), Side.DOWN)
SEEDS = [
    encode_validation(
        Validation(
            "counter-7",
            bytes(32),
            "station",
            date(2026, 6, 10),
            12,
            "line-1/a",
            (LINE,),
            Rate(60, 97, 88, 100),
            (LineRate(0, True, Rate(30, 100, 88, 100)),),
        )
    )
]


def one_input(data: bytes) -> None:
    assert encode_validation(decode_validation(data)) == data
