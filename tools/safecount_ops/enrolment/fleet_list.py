"""The signed list of a fleet: a CSV of serials, fingerprints and site codes, with its date and the signature at its end.

    serial,fingerprint,code
    sc-...,(64 hex digits),SC1:...
    made,(UTC seconds),(UTC seconds after which it is no longer served)
    signature,(128 hex digits),

The signature (Ed25519) is over `CONTEXT` and all bytes before its line. The list is made where the fleet's key is; the
collector takes it with the public key alone.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.enrolment import FINGERPRINT_BYTES, serial_of_fingerprint
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.site_code import SiteCode, parse_site_code
from safecount.wire.values import UTC_MAX_S

CONTEXT = b"safecount fleet list 1\0"
MAX_DEVICES = 10_000
MAX_LIST_BYTES = MAX_DEVICES * 1200
_HEAD, _MADE, _SIGNATURE = ["serial", "fingerprint", "code"], "made", "signature"


@dataclass(frozen=True, slots=True)
class Listed:
    """One device of a list: `fingerprint` is the SHA-256 of its identity key, `text` its site code."""

    serial: str
    fingerprint: bytes
    text: str
    code: SiteCode


@dataclass(frozen=True, slots=True)
class FleetList:
    """The devices of a list. `made_s` orders lists; after `ends_s` it is no longer served. Both UTC."""

    devices: tuple[Listed, ...]
    made_s: int
    ends_s: int


def sign_list(devices: Sequence[tuple[str, bytes, str]], made_s: int, ends_s: int, signer: Ed25519PrivateKey) -> bytes:
    """The list of these devices, each as serial, fingerprint and the text of its site code."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows([serial, fingerprint.hex(), code] for serial, fingerprint, code in devices)
    writer.writerow([_MADE, made_s, ends_s])
    body = text.getvalue().encode("ascii")
    return body + f"{_SIGNATURE},{signer.sign(CONTEXT + body).hex()},\n".encode("ascii")


def parse_list(untrusted: bytes, signer: Ed25519PublicKey) -> FleetList:
    """The list, once its signer is known to have signed it and every code in it.

    Raises:
        UntrustedInput: TOO_LARGE, MALFORMED, BAD_FIELD or BAD_SIGNATURE; the text names the line.
    """
    if len(untrusted) > MAX_LIST_BYTES:
        raise UntrustedInput(Reason.TOO_LARGE, f"The list has over {MAX_LIST_BYTES} bytes: sign it in parts.")
    body, found, last = untrusted.rpartition(f"{_SIGNATURE},".encode("ascii"))
    if not found or not body.endswith(b"\n"):
        raise UntrustedInput(Reason.MALFORMED, "The list has no signature: sign it with `enrol-batch sign`.")
    try:
        signer.verify(bytes.fromhex(last.decode("ascii").removesuffix(",\n")), CONTEXT + body)
        rows = [row.split(",") for row in body.decode("ascii").split("\n")[:-1]]
    except (InvalidSignature, ValueError) as error:
        why = "The list was changed after it was signed, or is signed with another key than this one."
        raise UntrustedInput(Reason.BAD_SIGNATURE, why) from error
    return _parse_rows(rows, signer.public_bytes_raw())


def _parse_rows(rows: list[list[str]], signer: bytes) -> FleetList:
    if len(rows) < 3 or rows[0] != _HEAD or len(rows[-1]) != 3 or rows[-1][0] != _MADE:
        raise UntrustedInput(Reason.MALFORMED, "The list's first or last line is not as `enrol-batch sign` writes it.")
    if len(rows) - 2 > MAX_DEVICES:
        raise UntrustedInput(Reason.TOO_LARGE, f"The list has over {MAX_DEVICES} devices: sign it in parts.")
    devices = tuple(_parse_device(number, row, signer) for number, row in enumerate(rows[1:-1], 2))
    if len({one.serial for one in devices}) < len(devices):
        raise UntrustedInput(Reason.BAD_FIELD, "The list has a device twice.")
    made_s, ends_s = (_time(text) for text in rows[-1][1:])
    return FleetList(devices, made_s, ends_s)


def _parse_device(number: int, row: list[str], signer: bytes) -> Listed:
    if len(row) != 3:
        raise UntrustedInput(Reason.MALFORMED, f"Line {number} of the list is not serial, fingerprint and site code.")
    serial, text = row[0], row[2]
    fingerprint = parse_fingerprint(serial, row[1], number)
    try:
        code = parse_site_code(text)
    except UntrustedInput as error:
        raise UntrustedInput(error.reason, f"Line {number} of the list: {error}") from error
    if code.serial != serial or code.signer != signer:
        raise UntrustedInput(
            Reason.BAD_FIELD, f"Line {number} of the list has the site code of another device or signer."
        )
    return Listed(serial, fingerprint, text, code)


def parse_fingerprint(serial: str, text: str, number: int) -> bytes:
    """The fingerprint of line `number`, if the serial follows from it; UntrustedInput otherwise."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != FINGERPRINT_BYTES:
        raise UntrustedInput(Reason.BAD_FIELD, f"Line {number}: a fingerprint has {FINGERPRINT_BYTES * 2} hex digits.")
    if serial_of_fingerprint(raw) != serial:
        raise UntrustedInput(Reason.BAD_FIELD, f"Line {number}: the serial {serial!r} is not that of its fingerprint.")
    return raw


def _time(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(UTC_MAX_S)) and int(text) <= UTC_MAX_S):
        raise UntrustedInput(Reason.BAD_FIELD, "The list's last line must hold two times in seconds.")
    return int(text)
