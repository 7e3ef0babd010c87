"""Where the packages of a board's maker come from, and which those are."""

from pathlib import Path

import pytest

from safecount_image.board import Vendor, read_board
from safecount_image.errors import BuildError
from safecount_image.mirror import VendorArchive, find_vendor
from safecount_image.packages import preferences


def test_the_makers_archive_gives_what_is_listed_and_nothing_else() -> None:
    board = read_board("rpi")
    for name in ("linux-image-6.12.47+rpt-rpi-v8", "raspi-firmware", "libcamera0.7", "python3-picamera2"):
        assert board.is_vendors(name), name
    for name in ("systemd", "libc6", "python3"):
        assert not board.is_vendors(name), name
    assert not read_board("virt").is_vendors("raspi-firmware")
    stanzas = preferences(Vendor("Maker", ("kernel", "camera*"))).split("\n\n")
    assert stanzas == [
        "Package: kernel camera*\nPin: release l=Maker\nPin-Priority: 990",
        "Package: *\nPin: release l=Maker\nPin-Priority: -1\n",
    ]


def test_address_and_key_are_settable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.asc"
    key.write_text("key")
    monkeypatch.setenv("RPI_ARCHIVE", "http://127.0.0.1:1/debian/")
    monkeypatch.setenv("RPI_KEY", str(key))
    assert find_vendor("Maker") == VendorArchive("http://127.0.0.1:1/debian", key)
    key.unlink()
    with pytest.raises(BuildError, match=r"key\.asc, which is no file"):
        find_vendor("Maker")


def test_a_machine_that_knows_no_such_archive_is_told_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RPI_ARCHIVE", raising=False)
    monkeypatch.delenv("RPI_KEY", raising=False)
    with pytest.raises(BuildError, match=r"RPI_ARCHIVE=.* RPI_KEY="):
        find_vendor("No Such Maker")
