from dataclasses import replace
from pathlib import Path

from safecount_image.board import BoardKernel, read_board
from safecount_image.boot import command_line, firmware_config
from safecount_image.filesystems import Root

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


def test_each_kernel_has_its_own_initramfs_and_the_newest_board_its_own_section() -> None:
    kernels = (
        BoardKernel("linux-image-rpi-v8", "kernel8.img", "all"),
        BoardKernel("linux-image-rpi-2712", "kernel_2712.img", "pi5"),
    )
    text = firmware_config(replace(read_board("virt"), kernels=kernels))
    assert text.index("[all]\nkernel=kernel8.img\ninitramfs initramfs8 followkernel") < text.index(
        "[pi5]\nkernel=kernel_2712.img\ninitramfs initramfs_2712 followkernel"
    )


def test_a_kernel_package_is_known_by_its_flavour() -> None:
    kernel = BoardKernel("linux-image-rpi-v8", "kernel8.img", "all")
    assert kernel.is_from("linux-image-6.12.47+rpt-rpi-v8")
    assert not kernel.is_from("linux-image-6.12.47+rpt-rpi-2712")
