"""parse_envelope behind a good signature; the input is the signed payload. An envelope that is taken is the one that we
would have packed.
"""

from fuzz.signed import KEY, signed_envelope
from safecount.wire.envelope import pack_envelope, parse_envelope, verify_envelope
from simulators.vectors import vector

SEEDS = [parse_envelope(vector(name)).signed.untrusted_payload for name in ("count_envelope", "health_envelope")]


def one_input(data: bytes) -> None:
    raw = signed_envelope(data)
    envelope = verify_envelope(parse_envelope(raw), KEY.public_key())
    assert pack_envelope(envelope.header, envelope.contents, KEY) == raw
