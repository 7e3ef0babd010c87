"""parse_site_code behind a good signature; the input is the signed payload."""

from dataclasses import replace

from fuzz.signed import KEY, signed
from safecount.wire.base45 import decode45, encode45
from safecount.wire.code_text import MAX_SITE_CODE_BYTES, MAX_SITE_CODE_CHARACTERS, SITE_CODE_PREFIX
from safecount.wire.cose import parse_sign1
from safecount.wire.site_code import SITE_CODE_TYPE, parse_site_code, prove, sign_site_code
from simulators.enrolment import LABEL, site_code

_CODES = [replace(site_code(), signer=KEY.public_key().public_bytes_raw())]
_CODES += [prove(_CODES[0], LABEL.serial, LABEL.secret)]


def _payload(text: str) -> bytes:
    raw = decode45(text.removeprefix(SITE_CODE_PREFIX), MAX_SITE_CODE_CHARACTERS)
    return parse_sign1(raw, SITE_CODE_TYPE, MAX_SITE_CODE_BYTES).untrusted_payload


SEEDS = [_payload(sign_site_code(code, KEY)) for code in _CODES]


def one_input(data: bytes) -> None:
    text = SITE_CODE_PREFIX + encode45(signed(SITE_CODE_TYPE, data))
    assert sign_site_code(parse_site_code(text), KEY) == text
