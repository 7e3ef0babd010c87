"""The certificate of a validation round, as the controller checks it."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from safecount.wire.code_line import CodeLine, Side
from safecount.wire.validation import LineRate, Rate, Validation, sign_validation
from safecount_ops.controller.verify import fingerprint
from simulators.keys import signing_key

KEY = signing_key("device").public_key().public_bytes_raw()
VALIDATION = Validation(
    "counter-7",
    KEY,
    "station",
    date(2026, 6, 10),
    12,
    "line-1/yolox",
    (CodeLine("north", (0, 500), (1000, 455), Side.DOWN),),
    Rate(120, 97, 92, 99),
    (LineRate(0, True, Rate(60, 98, 91, 100)),),
)


def check(file: Path, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safecount_ops", "certificate", str(file), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "validation.cose"
    path.write_bytes(sign_validation(VALIDATION, signing_key("device")))
    return path


def test_a_certificate_is_read_out_once_its_key_is_that_of_the_page(file: Path) -> None:
    done = check(file, "--fingerprint", fingerprint(KEY).upper())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"Signed by counter-7, key {fingerprint(KEY)}",
        "Site station, 2026-06-10, 12 minutes, counted by line-1/yolox",
        "All passings: 97 % right, 95 % sure within 92 and 99 % (from at least 120 passings)",
        "north, in: 98 % right, 95 % sure within 91 and 100 % (from at least 60 passings)",
        "Line of north: from 0 %, 50 % to 100 %, 45.5 % of the picture, in is down",
    ]


def test_another_key_or_a_damaged_file_is_not_believed(file: Path) -> None:
    other = check(file, "--fingerprint", fingerprint(bytes(32)))
    assert (other.returncode, other.stdout) == (3, "")
    assert "which is not that of counter-7" in other.stderr
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    damaged = check(file, "--fingerprint", fingerprint(KEY))
    assert damaged.returncode == 3
    assert "no certificate" in damaged.stderr


def test_nothing_is_believed_without_saying_whose_key_it_must_be(file: Path) -> None:
    assert check(file).returncode == 2
