"""The board `rpi` from its lock to a started machine, with a stand-in for the archive and one for the firmware.

One story in the order of its steps, since each takes minutes. What only hardware can show is in docs/image.md.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from board_rpi.firmware_stand_in import Firmware, started
from board_rpi.stand_in_archive import FIRMWARE, NOT_TO_BE_TAKEN, OURS, StandInArchive, kernel_name, make_archive
from debian import need
from safecount_image.board import REPOSITORY, Board, read_board
from safecount_image.build import build, lock
from safecount_image.card import MIB, layout
from safecount_image.packages import fill_pool, read_lock
from safecount_image.toolbox import SUITE, Toolbox, cache_folder, make_toolbox
from safecount_image.wheels import fetch_wheels

pytestmark = pytest.mark.image

DEBIANS = next(package for package in read_lock(read_board("virt").lock) if package.place == "kernel")
KERNEL = kernel_name(DEBIANS)


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    for program in ("mmdebstrap", "bwrap", "gpg"):
        need(program)
    return make_toolbox()


@pytest.fixture(scope="module")
def board(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """The board with a lock made from the stand-in archive, which is served all the while."""
    folder = tmp_path_factory.mktemp("rpi")
    virt = read_board("virt")
    packages = read_lock(virt.lock)
    rpi = replace(read_board("rpi"), locks=folder)
    archive = StandInArchive(folder / "archive", fill_pool(virt, toolbox, packages), rpi)
    wheels = fetch_wheels(("camera",))
    make_archive(archive, packages, {name: next(wheels.glob(f"{name}-*.whl")) for name in ("picamera2", "videodev2")})
    archive.sign(SUITE)
    with archive.served() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RPI_ARCHIVE", address)
        patch.setenv("RPI_KEY", str(archive.key))
        lock(rpi)
        yield rpi
    shutil.rmtree(cache_folder() / "apt-rpi")


@pytest.fixture(scope="module")
def image(board: Board) -> Path:
    out = REPOSITORY / "build/image/rpi-stand-in"
    build(board, out)
    return out


def test_the_lock_takes_what_is_the_makers_from_the_maker_and_the_rest_from_debian(board: Board) -> None:
    packages = {package.name: package for package in read_lock(board.lock)}
    for name in (KERNEL, "python3-libcamera", "libcamera-ipa"):
        assert OURS in packages[name].version, name
    assert packages["raspi-firmware"].place == "firmware"
    assert packages["python3-picamera2"].place == packages["python3-videodev2"].place == "overlay"
    assert packages[NOT_TO_BE_TAKEN].version != "999"
    assert "python3-av" not in packages, "what picamera2 would show and keep pictures with stays away"


def test_the_card_has_what_a_pi_reads(board: Board, image: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    listed = toolbox.run("mdir", "-/", "-b", "-i", image / "boot.img", "::", readable=[image]).split()
    names = {name.removeprefix("::/") for name in listed}
    assert {"kernel8.img", "initramfs8", "config.txt", "cmdline.txt", "start.elf", "fixup4.dat"} <= names
    assert {"bcm2710-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb", "overlays/imx708.dtbo"} <= names
    selector = next(p for p in layout(board.sizes) if p.name == "selector")
    at = f"{image / 'card.img'}@@{selector.start_mib * MIB}"
    first = toolbox.run("mtype", "-i", at, "::bootcode.bin", readable=[image])
    assert first == FIRMWARE
    root = tmp_path / "root"
    toolbox.run("fsck.erofs", f"--extract={root}", image / "root.erofs", readable=[image], writable=[tmp_path])
    assert (root / "usr/lib/python3/dist-packages/picamera2/picamera2.py").exists()
    assert (root / "usr/lib/firmware/brcm/brcmfmac43436-sdio.bin").exists()
    assert (root / "usr/share/safecount/board").read_text() == "rpi\n"
    assert not (root / "etc/from-the-stand-in").exists()
    shutil.rmtree(root)


def test_the_bill_tells_firmware_and_kernel_and_whose_they_are(image: Path) -> None:
    bill = json.loads((image / "sbom.cdx.json").read_text(encoding="utf-8"))
    by_name = {component["name"]: component for component in bill["components"]}
    assert by_name["raspi-firmware"]["type"] == "firmware"
    assert by_name[KERNEL]["type"] == "operating-system"
    assert by_name["python3-picamera2"]["purl"].startswith("pkg:deb/vendor/")
    assert by_name["systemd"]["purl"].startswith("pkg:deb/debian/")


def test_imager_offers_it_for_the_boards_it_starts_on(image: Path) -> None:
    listed = json.loads((image / "manifest.json").read_text())["os_list"][0]
    assert listed["devices"] == ["pi3-64bit", "pi4-64bit", "pi5-64bit"]


def test_it_starts_on_a_pi_3_and_counts_before_it_has_a_disk(
    board: Board, image: Path, toolbox: Toolbox, tmp_path: Path
) -> None:
    card = tmp_path / "card.img"
    toolbox.run("cp", "--sparse=always", image / "card.img", card, readable=[image], writable=[tmp_path])
    firmware = Firmware(toolbox, board, card)
    assert firmware.partition() == 2
    patience_s = float(os.environ.get("PATIENCE_S", "600"))
    with started(toolbox, firmware, card, tmp_path) as console:
        console.wait_for(r"safecount-init: slot A, /dev/mmcblk\dp5", patience_s)
        console.wait_for(r"Started .*safecount-vision\.service", patience_s)
        console.wait_for(r"Finished .*safecount-data\.service", patience_s)
        console.wait_for(r"Started .*safecount-seal\.service", patience_s)
        console.wait_for(r"Started .*safecount-provision\.service", patience_s)
