from dataclasses import replace
from pathlib import Path

import pytest

from safecount_image.board import BoardKernel, read_board
from safecount_image.boot import KERNEL_WATCHDOG_S, command_line, device_trees, firmware_config, firmware_files
from safecount_image.errors import BuildError
from safecount_image.filesystems import Root
from safecount_image.kernel import Kernel

VERITY = Root(Path("root.erofs"), 4096, "ab" * 32)


def test_the_command_line_names_the_one_root_and_is_the_same_in_both_slots() -> None:
    words = command_line(read_board("virt"), VERITY).split()
    assert f"safecount.roothash={'ab' * 32}" in words
    assert "safecount.hashoffset=4096" in words
    assert not [word for word in words if word.startswith(("root=", "init="))]


def test_a_panic_starts_the_board_again_since_that_is_the_way_back_from_a_bad_trial() -> None:
    assert any(
        word.startswith("panic=") and int(word[6:]) > 0 for word in command_line(read_board("virt"), VERITY).split()
    )


def test_a_kernel_that_hangs_is_left_by_the_firmwares_watchdog() -> None:
    for board in ("virt", "rpi"):
        shared = firmware_config(read_board(board)).split("[")[0]
        assert f"kernel_watchdog_timeout={KERNEL_WATCHDOG_S}\n" in shared


def test_each_kernel_has_its_own_initramfs_and_the_newest_board_its_own_section() -> None:
    kernels = (
        BoardKernel("linux-image-rpi-v8", "kernel8.img", "all"),
        BoardKernel("linux-image-rpi-2712", "kernel_2712.img", "pi5"),
    )
    text = firmware_config(replace(read_board("virt"), kernels=kernels))
    assert text.index("[all]\nkernel=kernel8.img\ninitramfs initramfs8 followkernel") < text.index(
        "[pi5]\nkernel=kernel_2712.img\ninitramfs initramfs_2712 followkernel"
    )


def unpacked_kernel(folder: Path, *device_trees: str) -> Kernel:
    for name in device_trees:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"dtb")
    return Kernel("6.12", folder, folder, folder, {}, frozenset())


def test_a_pi_gets_its_firmware_device_trees_and_overlays(tmp_path: Path) -> None:
    boot = read_board("rpi").boot
    for name in (*boot.files, "start_cd.elf"):
        (tmp_path / "firmware/usr/lib/raspi-firmware").mkdir(parents=True, exist_ok=True)
        (tmp_path / "firmware/usr/lib/raspi-firmware" / name).write_bytes(b"firmware")
    assert set(firmware_files(tmp_path / "firmware", boot.files)) == set(boot.files)
    assert "bootcode.bin" in boot.selector_files, "a Pi 3 looks for it on the first partition"
    trees = ("broadcom/bcm2710-rpi-3-b.dtb", "broadcom/bcm2711-rpi-4-b.dtb", "broadcom/bcm2712-rpi-5-b.dtb")
    kernel = unpacked_kernel(tmp_path / "kernel", *trees, "broadcom/bcm2708-rpi-zero.dtb", "overlays/imx708.dtbo")
    assert set(device_trees(kernel, boot.device_trees)) == {
        "bcm2710-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb", "overlays/imx708.dtbo",
    }  # fmt: skip


def test_a_board_that_would_not_start_stops_the_build(tmp_path: Path) -> None:
    kernel = unpacked_kernel(tmp_path / "kernel", "broadcom/bcm2711-rpi-4-b.dtb")
    with pytest.raises(BuildError, match="no device tree 'bcm2710"):
        device_trees(kernel, read_board("rpi").boot.device_trees)
    with pytest.raises(BuildError, match=r"not one file each of .*start\.elf"):
        firmware_files(tmp_path, read_board("rpi").boot.files)


def test_the_port_for_set_up_is_the_usb_cables_where_the_board_has_one_to_spare() -> None:
    sections = firmware_config(read_board("rpi")).split("[")
    gadget = {text.partition("]")[0] for text in sections if "dr_mode=peripheral" in text}
    assert gadget == {"pi02", "pi4", "pi5"}, "a Pi 3 has its network on that port"
    assert sections[-1].startswith("all]\nkernel=kernel8.img\n")


def test_a_kernel_package_is_known_by_its_flavour() -> None:
    kernel = BoardKernel("linux-image-rpi-v8", "kernel8.img", "all")
    assert kernel.is_from("linux-image-6.12.47+rpt-rpi-v8")
    assert not kernel.is_from("linux-image-6.12.47+rpt-rpi-2712")
