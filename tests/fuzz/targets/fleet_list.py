"""parse_list behind a good signature; the input is what is signed, the lines of devices and times."""

from dataclasses import replace

from fuzz.signed import KEY
from safecount.wire.enrolment import fingerprint, serial_of
from safecount.wire.site_code import sign_site_code
from safecount_ops.enrolment.fleet_list import CONTEXT, parse_list, sign_list
from simulators.enrolment import site_code
from simulators.keys import signing_key

FORM = "text"
_DEVICE = signing_key("listed").public_key()
_CODE = replace(site_code(), serial=serial_of(_DEVICE), signer=KEY.public_key().public_bytes_raw())
_ROW = (serial_of(_DEVICE), fingerprint(_DEVICE), sign_site_code(_CODE, KEY))
SEEDS = [sign_list([_ROW], 1, 2, KEY).rpartition(b"signature,")[0]]


def one_input(data: bytes) -> None:
    signed = data + b"signature," + KEY.sign(CONTEXT + data).hex().encode() + b",\n"
    taken = parse_list(signed, KEY.public_key())
    rows = [(one.serial, one.fingerprint, one.text) for one in taken.devices]
    again = parse_list(sign_list(rows, taken.made_s, taken.ends_s, KEY), KEY.public_key())
    assert again == taken
