"""`safecount-ops site-qr`, read back as a camera and a phone would, and the tokens behind it."""

from pathlib import Path

import pytest
import zxingcpp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from safecount.wire.enrolment import encode_label
from safecount.wire.site_code import is_proven, parse_site_code
from safecount_ops.__main__ import main
from safecount_ops.enrolment.site_qr import wifi_text
from safecount_ops.enrolment.tokens import Tokens, Verdict
from simulators.bare_collector import bare_collector
from simulators.enrolment import LABEL
from simulators.keys import signing_key
from simulators.tls import Authority


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    Authority(tmp_path / "keys")
    root = signing_key("root").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "root.pub").write_bytes(root)
    (tmp_path / "wifi.txt").write_text("geheim;1\n")
    bare_collector(tmp_path)
    return tmp_path


def site_qr(folder: Path, *more: str) -> int:
    arguments = [str(folder), "--url", "https://collector.example:8443", "--root", str(folder / "root.pub")]
    arguments += ["--site", "station", "--zone", "Europe/Berlin", "--label", encode_label(LABEL)]
    return main(["site-qr", *arguments, *more])


def read(path: Path) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(path).convert("L"))
    return found.text


def test_the_pictures_hold_the_code_and_the_wifi(folder: Path) -> None:
    names = ("site.png", "site.svg", "site.pdf", "site.txt")
    outs = [part for name in names for part in ("--out", str(folder / name))]
    assert site_qr(folder, "--wifi", "sh;op", "--wifi-password-file", str(folder / "wifi.txt"), *outs) == 0
    text = read(folder / "site.png")
    assert text == (folder / "site.txt").read_text().strip()
    code = parse_site_code(text)
    assert code.serial == LABEL.serial
    assert is_proven(code, LABEL.secret)
    assert read(folder / "site-wifi.png") == r"WIFI:T:WPA;S:sh\;op;P:geheim\;1;;"
    assert (folder / "site.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (folder / "site.svg").read_bytes()
    assert Tokens.in_folder(folder).redeem(code.token, LABEL.serial, "device", code.expires_s - 1) is Verdict.GOOD


def test_without_a_file_the_code_stands_in_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert site_qr(folder) == 0
    assert "█" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--zone", "Mars/Olympus"], "There is no time zone"),
        (["--line", "north"], "is not DOOR="),
        (["--line", "north=0,0:9,0:up"], "These make no site code"),
        (["--url", "http://collector.example"], "These make no site code"),
        (["--label", "SL1:X"], "is no device's label"),
        (["--out", "site.gif"], "must end in .png"),
        (["--root", "missing.pub"], "missing.pub"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site_qr(folder, *more) != 0
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_token_is_good_once_and_again_for_the_device_that_used_it(tmp_path: Path) -> None:
    tokens = bare_collector(tmp_path)
    tokens.add(b"t" * 16, "sc-1", 100)
    assert tokens.redeem(b"x" * 16, "sc-1", "a", 1) is Verdict.UNKNOWN
    assert tokens.redeem(b"t" * 16, "sc-2", "a", 1) is Verdict.OTHER_DEVICE
    assert tokens.redeem(b"t" * 16, "sc-1", "a", 100) is Verdict.EXPIRED
    assert tokens.redeem(b"t" * 16, "sc-1", "a", 1) is Verdict.GOOD
    assert tokens.redeem(b"t" * 16, "sc-1", "a", 2) is Verdict.GOOD
    assert tokens.redeem(b"t" * 16, "sc-1", "b", 2) is Verdict.USED


def test_an_open_network_has_no_password_in_its_code() -> None:
    assert wifi_text("shop", "") == "WIFI:T:nopass;S:shop;;"
