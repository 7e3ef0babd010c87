"""`safecount-ops certificate`: check the certificate of a validation round, and read it."""

from pathlib import Path

import click

from safecount.errors import SafecountError, UsageError
from safecount.wire.code_line import CodeLine
from safecount.wire.errors import UntrustedInput
from safecount.wire.validation import MAX_CERTIFICATE_BYTES, LineRate, Rate, Validation, parse_certificate
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.home import existing
from safecount_ops.controller.verify import fingerprint

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


class NotBelieved(SafecountError):  # noqa: N818 - it says what the certificate is
    """The certificate is damaged, or not signed by the device. Exit code 3: a script can tell it from a failure."""

    exit_code = 3


@click.command("certificate")
@click.argument("file", type=FILE)
@click.option("--fingerprint", "shown", help="The key's fingerprint, as the device's set-up page shows it.")
@click.option(
    "--controller", "folder", type=FOLDER, help="The controller's folder, whose archive knows the device's key."
)
def command(file: Path, shown: str | None, folder: Path | None) -> None:
    """Check that a device has signed the certificate in FILE, and say what it certifies."""
    if (shown is None) == (folder is None):
        raise UsageError("Say whose key it must be: either --fingerprint or --controller.")
    validation = _read(file)
    if not (_is_shown(validation, shown) if shown else _is_known(validation, folder)):
        raise NotBelieved(
            f"{file} is signed by the key {fingerprint(validation.key)}, which is not that of {validation.device}."
        )
    print("\n".join(told(validation)))


def _read(file: Path) -> Validation:
    with file.open("rb") as opened:
        raw = opened.read(MAX_CERTIFICATE_BYTES + 1)
    try:
        return parse_certificate(raw)
    except UntrustedInput as error:
        raise NotBelieved(f"{file} is no certificate of a validation round: {error}") from error


def _is_shown(validation: Validation, shown: str) -> bool:
    return fingerprint(validation.key).replace(" ", "") == "".join(shown.split()).lower()


def _is_known(validation: Validation, folder: Path | None) -> bool:
    if folder is None:
        return False
    with Archive(existing(folder).archive) as archive:
        return any(one.key == validation.key for one in archive.known_keys(validation.device))


def told(validation: Validation) -> list[str]:
    """What a certificate says, in lines for people."""
    day = validation.day.isoformat() if validation.day else "on an unknown day"
    return [
        f"Signed by {validation.device}, key {fingerprint(validation.key)}",
        f"Site {validation.site}, {day}, {validation.minutes} minutes, counted by {validation.rule}",
        f"All passings: {_rate(validation.all_passings)}",
        *(_row(validation, row) for row in validation.rows),
        *(_place(line) for line in validation.lines),
    ]


def _row(validation: Validation, row: LineRate) -> str:
    return f"{validation.lines[row.line].door}, {'in' if row.inward else 'out'}: {_rate(row.rate)}"


def _rate(rate: Rate) -> str:
    return f"{rate.percent} % right, 95 % sure within {rate.low} and {rate.high} % (from at least {rate.passings} passings)"


def _place(line: CodeLine) -> str:
    start, end = (f"{x / 10:g} %, {y / 10:g} %" for x, y in (line.start, line.end))
    return f"Line of {line.door}: from {start} to {end} of the picture, in is {line.in_side.name.lower()}"
