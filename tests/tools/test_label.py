"""The label sheet is made from what devices say, and from nothing else."""

import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import segno
import zxingcpp
from click.testing import CliRunner

from debian import need
from safecount.errors import UsageError
from safecount.wire.enrolment import encode_label, parse_label
from safecount_ops.enrolment.label import ask, command
from simulators.enrolment import LABEL


def test_a_captured_console_becomes_a_sheet_and_a_list_without_secrets(tmp_path: Path) -> None:
    captured = tmp_path / "console.txt"
    captured.write_text(f"noise\r\n> label\r\n{encode_label(LABEL)}\r\nmore noise\n{encode_label(LABEL)}\n")
    out, listing = tmp_path / "labels.pdf", tmp_path / "devices.csv"
    done = CliRunner().invoke(command, [str(captured), "--out", str(out), "--list", str(listing)])
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(b"%PDF-")
    assert listing.read_text() == f"serial,fingerprint\n{LABEL.serial},{LABEL.fingerprint.hex()}\n"
    assert LABEL.secret.hex() not in listing.read_text()


@pytest.mark.parametrize("text", ["", "nothing here", "SL1:NONSENSE"])
def test_what_is_no_label_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "console.txt").write_text(text)
    done = CliRunner().invoke(command, [str(tmp_path / "console.txt"), "--out", str(tmp_path / "out.pdf")])
    assert isinstance(done.exception, UsageError)
    assert not (tmp_path / "out.pdf").exists()


def test_a_device_on_a_serial_port_is_asked() -> None:
    device, line = os.openpty()
    heard = []

    def answer() -> None:
        heard.append(os.read(device, 100))
        os.write(device, f"label\r\n{encode_label(LABEL)}\r\n".encode())

    thread = threading.Thread(target=answer)
    thread.start()
    assert ask(os.ttyname(line)) == LABEL
    thread.join()
    assert b"label\n" in heard[0]
    os.close(device)
    os.close(line)


def test_the_labels_code_is_what_a_reader_sees() -> None:
    rows = [list(row) for row in segno.make(encode_label(LABEL), error="m").matrix_iter(scale=4, border=4)]
    picture = np.where(np.array(rows) > 0, 0, 255).astype(np.uint8)
    assert parse_label(zxingcpp.read_barcodes(picture)[0].text) == LABEL


def test_the_models_name_stands_on_the_label(tmp_path: Path) -> None:
    (tmp_path / "console.txt").write_text(encode_label(LABEL))
    out = tmp_path / "out.pdf"
    arguments = [str(tmp_path / "console.txt"), "--out", str(out), "--model"]
    assert CliRunner().invoke(command, [*arguments, "SC-1 (Pi 4)"]).exit_code == 0
    said = subprocess.run([need("pdftotext"), "-layout", str(out), "-"], check=True, capture_output=True, text=True)
    assert "Model SC-1 (Pi 4)" in said.stdout
    assert LABEL.serial in said.stdout
    for name in ("a name that is too long for the label", "two\nlines"):
        assert isinstance(CliRunner().invoke(command, [*arguments, name]).exception, UsageError)
