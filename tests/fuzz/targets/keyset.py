"""verify_keyset behind a good signature; the input is the signed payload. What is taken can be sealed for."""

from fuzz.signed import KEY, signed
from safecount.wire.cose import parse_sign1
from safecount.wire.keyset import KEYSET_TYPE, MAX_KEYSET_BYTES, sign_keyset, verify_keyset
from safecount.wire.suite import load_public_key
from simulators.vectors import vector

SEEDS = [parse_sign1(vector("keyset"), KEYSET_TYPE, MAX_KEYSET_BYTES).untrusted_payload]


def one_input(data: bytes) -> None:
    raw = signed(KEYSET_TYPE, data)
    keyset = verify_keyset(raw, [KEY.public_key()])
    assert sign_keyset(keyset, KEY) == raw
    readers = keyset.readers_at(2**30)
    assert 1 <= len(readers) <= 2
    for reader in readers:
        load_public_key(reader.public_key)
