"""cose.parse_sign1: the outer layer of everything that is signed."""

from safecount.wire.cose import parse_sign1
from safecount.wire.envelope import ENVELOPE_TYPE
from safecount.wire.receipt import RECEIPT_TYPE
from simulators.vectors import vector

SEEDS = [vector("receipt"), vector("health_envelope")]


def one_input(data: bytes) -> None:
    typ = RECEIPT_TYPE if len(data) < 1024 else ENVELOPE_TYPE
    signed = parse_sign1(data, typ, 4096)
    assert len(signed.signature) == 64
    assert signed.untrusted_payload in data
