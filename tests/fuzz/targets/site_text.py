"""A line at the serial port, in the file on the card or from the camera, as provisioning judges it: nothing but the code itself
is taken, and what is refused is refused with one of the known sentences.
"""

from safecount.provisioning.enrolment_flow import Owner, State, judge
from safecount.wire.site_code import prove, sign_site_code
from simulators.enrolment import LABEL, SIGNER, site_code

CODE = prove(site_code(), LABEL.serial, LABEL.secret)
SEEDS = [sign_site_code(CODE, SIGNER).encode(), b"SC1:", b"status"]
OWNER = Owner(LABEL.serial, LABEL.secret, 1_700_000_000)


def one_input(data: bytes) -> None:
    verdict = judge(data.decode("ascii", "replace"), State.BLANK, OWNER)
    assert verdict == CODE or judge(data.decode("ascii", "replace"), State.ENROLLED, OWNER) == verdict
