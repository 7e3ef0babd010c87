"""The parties of an enrolment, made from names so that they are the same each time."""

from hashlib import sha256

from safecount.wire.code_line import CodeLine, Side
from safecount.wire.enrolment import Label, fingerprint, serial_of
from safecount.wire.site_code import SiteCode
from safecount.wire.values import Profile
from simulators.keys import signing_key

SIGNER = signing_key("signer")
_IDENTITY = signing_key("identity").public_key()
LABEL = Label(serial_of(_IDENTITY), fingerprint(_IDENTITY), sha256(b"ownership").digest()[:16])


def site_code() -> SiteCode:
    """A code of a usual size, for no device in particular."""
    return SiteCode(
        url="https://collector.example.org:8443",
        ca=sha256(b"ca").digest(),
        root=signing_key("root").public_key().public_bytes_raw(),
        signer=SIGNER.public_key().public_bytes_raw(),
        token=sha256(b"token").digest()[:16],
        expires_s=1_800_000_000,
        site="station",
        zone="Europe/Berlin",
        lines=(CodeLine("north", (100, 500), (900, 500), Side.DOWN),),
        profile=Profile.STANDARD,
        exits=False,
    )
