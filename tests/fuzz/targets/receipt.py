"""verify_receipt behind a good signature; the input is the signed payload."""

from fuzz.signed import KEY, signed
from safecount.wire.cose import parse_sign1
from safecount.wire.receipt import MAX_RECEIPT_BYTES, RECEIPT_TYPE, sign_receipt, verify_receipt
from simulators.vectors import vector

SEEDS = [parse_sign1(vector("receipt"), RECEIPT_TYPE, MAX_RECEIPT_BYTES).untrusted_payload]


def one_input(data: bytes) -> None:
    raw = signed(RECEIPT_TYPE, data)
    assert sign_receipt(verify_receipt(raw, [KEY.public_key()]), KEY) == raw
