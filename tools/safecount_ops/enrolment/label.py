"""`safecount-ops label`: the sheet of labels for devices that have just been flashed and started once."""

import csv
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click
import serial

from safecount.errors import SafecountError, UsageError
from safecount.wire.enrolment import LABEL_PREFIX, Label, parse_label
from safecount.wire.errors import UntrustedInput
from safecount_ops.enrolment.sheet import save_labels

BAUD = 115_200
MODEL_CHARACTERS = 24
MAX_INPUT_BYTES = 4 * 1024 * 1024
_ANSWER_TIMEOUT_S = 10.0


@click.command(name="label")
@click.argument("texts", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option("--port", "ports", multiple=True, help="Ask the device on this serial port (repeat for several).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("labels.pdf"), show_default=True)
@click.option(
    "--model", default="", help="The devices' model, such as `SC-1 (Raspberry Pi 4)`, as it stands on the label."
)
@click.option("--list", "listing", type=click.Path(path_type=Path), help="Also write serials and fingerprints as CSV.")
def command(texts: Path | None, ports: tuple[str, ...], out: Path, model: str, listing: Path | None) -> None:
    """Print the label sheet of devices: serial, key fingerprint, and the ownership secret as QR code.

    TEXTS is a file (or - for standard input) that holds what devices answered to `label` on their serial port, one
    a line; other lines are passed over. With --port the devices are asked at once. The list of --list holds no secret:
    it is what `enrol-batch` takes.
    """
    if texts is None and not ports:
        raise UsageError("Name a file of label texts, or the serial port of a device with --port.")
    labels = [*(_labels_in(texts) if texts else ()), *(ask(port) for port in ports)]
    if not labels:
        raise UsageError(f"{texts} holds no label: a label is a line that begins with {LABEL_PREFIX}")
    unique = list({label.serial: label for label in labels}.values())
    if len(model) > MODEL_CHARACTERS or not model.isprintable():
        raise UsageError(
            f"The model's name has at most {MODEL_CHARACTERS} printable characters: there is one line for it."
        )
    save_labels(unique, out, model)
    if listing:
        with listing.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["serial", "fingerprint"])
            writer.writerows([label.serial, label.fingerprint.hex()] for label in unique)
    print(f"{len(unique)} label{'s' if len(unique) != 1 else ''} in {out}. Whoever reads a label owns its device.")


def _labels_in(path: Path) -> Iterable[Label]:
    if str(path) == "-":
        text = sys.stdin.read(MAX_INPUT_BYTES)
    else:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")[:MAX_INPUT_BYTES]
        except OSError as error:
            raise UsageError(f"{path} cannot be read ({error.strerror}).") from error
    for number, line in enumerate(text.split("\n"), 1):
        start = line.find(LABEL_PREFIX)
        if start >= 0:
            try:
                yield parse_label(line[start:])
            except UntrustedInput as error:
                raise UsageError(f"Line {number} of {path} is a damaged label: {error}") from error


def ask(port: str) -> Label:
    """The label of the device on a serial port, as its console gives it in factory state."""
    try:
        with serial.Serial(port, BAUD, timeout=0.5) as line:
            line.write(b"\nlabel\n")
            deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
            while time.monotonic() < deadline_s:
                answer = line.read_until(b"\n", 1024).decode("ascii", "replace")
                if LABEL_PREFIX in answer:
                    return parse_label(answer[answer.index(LABEL_PREFIX) :])
    except (serial.SerialException, OSError) as error:
        raise SafecountError(f"The serial port {port} cannot be used: {error}.") from error
    except UntrustedInput as error:
        raise SafecountError(f"The device on {port} gave a damaged label: {error} Ask again.") from error
    raise SafecountError(
        f"No device on {port} gave its label within {_ANSWER_TIMEOUT_S:.0f} s. It gives it only before it is enrolled."
    )
