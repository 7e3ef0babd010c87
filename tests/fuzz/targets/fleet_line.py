"""parse_fleet behind a good signature; the input is the signed payload."""

from hashlib import sha256

from fuzz.signed import KEY, signed
from safecount.wire.base45 import encode45
from safecount.wire.encoding import encode
from safecount.wire.fleet import FLEET_PREFIX, FLEET_TYPE, parse_fleet, sign_fleet

_SIGNER = KEY.public_key().public_bytes_raw()
SEEDS = [
    encode({1: 1, 2: f"https://{host}", 3: sha256(b"ca").digest(), 4: _SIGNER, 5: 1_700_000_000})
    for host in ("collector.example:8443", "[::1]:8443", "10.0.0.1")
]


def one_input(data: bytes) -> None:
    text = FLEET_PREFIX + encode45(signed(FLEET_TYPE, data))
    assert sign_fleet(parse_fleet(text), KEY) == text
