"""The validation certificate: how right a device counted beside a person, as it was set up, in rates alone.

A COSE_Sign1 by the device's envelope key over whole percents, rounded outwards, and a number of passings in steps of
TENS: nobody can work out an exact count from it (docs/adr/0026-set-up-page.md).
"""

from dataclasses import dataclass
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.code_line import MAX_LINES, CodeLine, line_item, parse_line
from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import Item, as_bool, as_bytes, as_fields, as_list, as_text, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.values import DEVICE_MAX_BYTES, TEXT_MAX_BYTES

CERTIFICATE_TYPE = "safecount-validation"
CERTIFICATE_VERSION = 1
MAX_CERTIFICATE_BYTES = 2048
TENS = 10
LEAST_PASSINGS = 30
"""Below so many passings nothing is certified: a rate of few is hardly a rate, and tells of single people."""
MAX_PASSINGS = 100_000
MAX_MINUTES = 30
MAX_ROWS = 2 * MAX_LINES


@dataclass(frozen=True, slots=True)
class Rate:
    """Of the passings of one kind, the share that was counted right: percent, with its 95 % interval.

    `passings` is rounded down to tens. A passing that was missed and one that was counted for nothing are both wrong.
    """

    passings: int
    percent: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.passings % TENS or not 0 <= self.passings <= MAX_PASSINGS:
            raise ValueError("a number of passings that is not in tens")
        if not 0 <= self.low <= self.percent <= self.high <= 100:
            raise ValueError("an interval that does not hold its rate")


@dataclass(frozen=True, slots=True)
class LineRate:
    """The rate of one line (its number among the certificate's, from 0) in one direction."""

    line: int
    inward: bool
    rate: Rate


@dataclass(frozen=True, slots=True)
class Validation:
    """What a device says of one validation round. `day` is UTC, None if the clock was not known; `rule` names the way of
    counting and the model, `key` is the device's raw envelope key. `rows` are those of lines and directions that had
    passings enough.
    """

    device: str
    key: bytes
    site: str
    day: date | None
    minutes: int
    rule: str
    lines: tuple[CodeLine, ...]
    all_passings: Rate
    rows: tuple[LineRate, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= MAX_MINUTES or self.all_passings.passings < LEAST_PASSINGS:
            raise ValueError("a round too short to be certified")
        if not 1 <= len(self.lines) <= MAX_LINES or any(row.line >= len(self.lines) for row in self.rows):
            raise ValueError("rows of lines that it does not have")


def encode_validation(validation: Validation) -> bytes:
    """What is to be signed."""
    rows: list[Item] = [[row.line, row.inward, *_rate_item(row.rate)] for row in validation.rows]
    return encode(
        {
            1: CERTIFICATE_VERSION,
            2: validation.device,
            3: validation.site,
            4: validation.day.isoformat() if validation.day else None,
            5: validation.minutes,
            6: validation.rule,
            7: [line_item(line) for line in validation.lines],
            8: _rate_item(validation.all_passings),
            9: rows,
            10: validation.key,
        }
    )


def decode_validation(untrusted: bytes) -> Validation:
    """The value of what is, or is to be, signed; UntrustedInput otherwise."""
    fields = as_fields(decode(untrusted, MAX_CERTIFICATE_BYTES), frozenset(range(1, 11)))
    if as_uint(fields[1]) != CERTIFICATE_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The certificate is not of version {CERTIFICATE_VERSION}.")
    try:
        return Validation(
            device=_name(fields[2], DEVICE_MAX_BYTES),
            key=as_bytes(fields[10], 32, 32),
            site=_name(fields[3], TEXT_MAX_BYTES),
            day=None if fields[4] is None else date.fromisoformat(_iso(fields[4])),
            minutes=as_uint(fields[5], MAX_MINUTES),
            rule=_name(fields[6], TEXT_MAX_BYTES),
            lines=tuple(parse_line(item) for item in as_list(fields[7], 1, MAX_LINES)),
            all_passings=_parse_rate(as_list(fields[8], 4, 4)),
            rows=tuple(_parse_row(item) for item in as_list(fields[9], 0, MAX_ROWS)),
        )
    except ValueError as error:
        raise UntrustedInput(Reason.BAD_FIELD, f"The certificate holds {error}.") from error


def sign_validation(validation: Validation, key: Ed25519PrivateKey) -> bytes:
    """The certificate, signed with the device's envelope key; ValueError if it names another."""
    if key.public_key().public_bytes_raw() != validation.key:
        raise ValueError("a certificate is signed by the key that it names")
    return sign1(CERTIFICATE_TYPE, encode_validation(validation), key)


def parse_certificate(untrusted: bytes) -> Validation:
    """What a certificate says, signed by the key that it names. Whether that is the device's key is for the reader to
    compare.

    Raises:
        UntrustedInput: with any of the reasons 1 to 7.
    """
    signed = parse_sign1(untrusted, CERTIFICATE_TYPE, MAX_CERTIFICATE_BYTES)
    validation = decode_validation(signed.untrusted_payload)
    signed.verify(Ed25519PublicKey.from_public_bytes(validation.key))
    return validation


def _rate_item(rate: Rate) -> list[Item]:
    return [rate.passings, rate.percent, rate.low, rate.high]


def _parse_rate(items: list[Item]) -> Rate:
    passings, *percents = items
    percent, low, high = (as_uint(item, 100) for item in percents)
    return Rate(as_uint(passings, MAX_PASSINGS), percent, low, high)


def _parse_row(item: Item) -> LineRate:
    line, inward, *rate = as_list(item, 6, 6)
    return LineRate(as_uint(line, MAX_LINES - 1), as_bool(inward), _parse_rate(rate))


def _name(item: Item, longest: int) -> str:
    text = as_text(item, longest)
    if not text.isprintable():
        raise UntrustedInput(Reason.BAD_FIELD, "The certificate holds a name that cannot be printed.")
    return text


def _iso(item: Item) -> str:
    text = as_text(item, 10)
    if len(text) != 10 or text != date.fromisoformat(text).isoformat():
        raise UntrustedInput(Reason.BAD_FIELD, "The certificate's day is not of the form 2026-06-10.")
    return text
