"""Puts a fuzzer behind the signatures: what it makes is signed, as an owner of the key could do, and then parsed."""

from safecount.errors import SafecountError
from safecount.wire.cose import sign1, sign1_overhead
from safecount.wire.encoding import Item, decode, encode
from safecount.wire.envelope import ENVELOPE_BYTES, ENVELOPE_TYPE
from simulators.keys import signing_key

KEY = signing_key("fuzz")


def signed(typ: str, payload: bytes) -> bytes:
    return sign1(typ, payload, KEY)


def signed_envelope(untrusted_payload: bytes) -> bytes:
    """A signed thing around the payload, whose third item is made as long as an envelope needs it, where it can be."""
    try:
        item = decode(untrusted_payload, ENVELOPE_BYTES)
    except SafecountError:
        return signed(ENVELOPE_TYPE, untrusted_payload)
    if not isinstance(item, list) or len(item) < 2:
        return signed(ENVELOPE_TYPE, untrusted_payload)
    return signed(ENVELOPE_TYPE, _filled(item[:2]))


def _filled(parts: list[Item]) -> bytes:
    wanted = ENVELOPE_BYTES - sign1_overhead(ENVELOPE_TYPE)
    for head_bytes in (1, 2, 3):
        room = wanted - len(encode([*parts, b""])) + 1 - head_bytes
        payload = encode([*parts, bytes(max(0, room))])
        if len(payload) == wanted:
            return payload
    return payload
