"""verify_reset behind a good signature; the input is the signed payload."""

from fuzz.signed import KEY, signed
from safecount.wire.encoding import encode
from safecount.wire.reset_order import RESET_TYPE, verify_reset

DEVICE = "sc-abcdefghijklmnop.abcdef"
SEEDS = [encode({1: 1, 2: DEVICE})]


def one_input(data: bytes) -> None:
    verify_reset(signed(RESET_TYPE, data), DEVICE, KEY.public_key())
    assert data == SEEDS[0], "one payload is an order, and no other"
