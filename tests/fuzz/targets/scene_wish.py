"""decode_wish: what the counting process takes from the set-up page's process."""

from safecount.wire.code_line import CodeLine, Side
from safecount.wire.scene import SilhouetteLevel, Wish, decode_wish, encode_wish

SEEDS = [
    encode_wish(Wish(7, SilhouetteLevel.COARSE, (CodeLine("north", (0, 500), (1000, 480), Side.DOWN),))),
    encode_wish(Wish(1, SilhouetteLevel.OUTLINES, ())),
]


def one_input(data: bytes) -> None:
    assert encode_wish(decode_wish(data)) == data
