from pathlib import Path

import pytest

from safecount_image.errors import BuildError
from safecount_image.kernel import Kernel, chosen, had, load_order, module_name, parse_needs

MODULES_DEP = """\
kernel/fs/erofs/erofs.ko.xz: kernel/fs/netfs/netfs.ko.xz kernel/lib/libcrc32c.ko.xz kernel/crypto/crc32c_generic.ko.xz
kernel/fs/netfs/netfs.ko.xz:
kernel/lib/libcrc32c.ko.xz: kernel/crypto/crc32c_generic.ko.xz
kernel/crypto/crc32c_generic.ko.xz:
kernel/drivers/md/dm-verity.ko.xz: kernel/drivers/md/dm-mod.ko.xz
kernel/drivers/md/dm-mod.ko.xz:
"""


def kernel() -> Kernel:
    return Kernel("6.12", Path("vmlinuz"), Path("modules"), None, parse_needs(MODULES_DEP), frozenset({"virtio_pci"}))


def test_each_module_is_loaded_after_those_that_it_needs() -> None:
    ordered = load_order(kernel(), ["dm_verity", "erofs"])
    for path in ordered:
        for needed in kernel().needs[path]:
            assert ordered.index(needed) < ordered.index(path)
    assert len(ordered) == len(set(ordered)) == len(kernel().needs)


def test_what_is_built_in_needs_no_file() -> None:
    assert load_order(kernel(), ["virtio_pci"]) == []


def test_a_module_that_the_kernel_lacks_stops_the_build() -> None:
    with pytest.raises(BuildError, match=r"kernel 6\.12 has no module 'virtio_blk'"):
        load_order(kernel(), ["virtio_blk"])


def test_one_that_is_only_wanted_may_be_lacking() -> None:
    assert had(kernel(), ["sha2_ce", "dm_verity", "virtio_pci"]) == ["dm_verity"]


def test_a_folder_brings_what_its_modules_need_from_other_folders() -> None:
    assert {module_name(path) for path in chosen(kernel(), ["fs/erofs"])} == {
        "erofs", "netfs", "libcrc32c", "crc32c_generic",
    }  # fmt: skip
