"""A board: which packages it is made of, and where its kernel and console are. Read from boards.toml."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from safecount_image.errors import BuildError
from safecount_image.sizes import Sizes

FOLDER = Path(__file__).resolve().parent.parent
REPOSITORY = FOLDER.parent


@dataclass(frozen=True, slots=True)
class BoardKernel:
    """A kernel by its metapackage, its file on the boot partition, and the section of config.txt that chooses it."""

    package: str
    file: str
    section: str

    def is_from(self, package: str) -> bool:
        """Tell whether a package with a kernel's files is the one that the metapackage stands for, by its flavour."""
        return package == self.package or package.endswith(f"-{self.package.removeprefix('linux-image-')}")


@dataclass(frozen=True, slots=True)
class Vendor:
    """The archive of a board's maker, by the label that it gives itself, and patterns of the packages that may come from it."""

    label: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoardBoot:
    """What a board's boot partition has beside kernel, initramfs and command line.

    Attributes:
        firmware: the package with the firmware's files; "" where there is none.
        files: of that package, by name.
        selector_files: those that the selector has too.
        device_trees: patterns of the kernel's device trees; with them come all overlays.
        settings: lines of config.txt.
    """

    firmware: str = ""
    files: tuple[str, ...] = ()
    selector_files: tuple[str, ...] = ()
    device_trees: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """One entry of boards.toml, joined with what is common to all.

    Attributes:
        name: of the board.
        packages: go into the root, with all that they depend on.
        overlaid: packages whose files are laid over the root, without what they depend on.
        wheels: locks of wheels besides that of every device.
        kernels: the kernels that the card has.
        vendor: the archive of the board's maker, if any.
        boot: what the boot partition has besides.
        prune: glob patterns of what is removed from the root again.
        modules: of the kernel, by folder or file below kernel/, that stay in the root.
        initramfs_modules: names of those that the initramfs loads, in this order.
        initramfs_wanted: names of those that it loads before, where the kernel has them and the processor can.
        console: the serial device that the kernel speaks on.
        sizes: of the card's partitions.
        locks: the folder of the lock files.
    """

    name: str
    packages: tuple[str, ...]
    overlaid: tuple[str, ...]
    wheels: tuple[str, ...]
    kernels: tuple[BoardKernel, ...]
    vendor: Vendor | None
    boot: BoardBoot
    prune: tuple[str, ...]
    modules: tuple[str, ...]
    initramfs_modules: tuple[str, ...]
    initramfs_wanted: tuple[str, ...]
    console: str
    sizes: Sizes
    locks: Path = FOLDER / "locks"

    @property
    def lock(self) -> Path:
        return self.locks / f"{self.name}.tsv"

    def is_vendors(self, package: str) -> bool:
        """Tell whether a package of this name comes from the maker's archive."""
        return self.vendor is not None and any(fnmatchcase(package, pattern) for pattern in self.vendor.packages)


def read_board(name: str) -> Board:
    """Raise BuildError for a board that boards.toml does not have."""
    table = tomllib.loads((FOLDER / "boards.toml").read_text(encoding="utf-8"))
    common, boards = table["common"], table["boards"]
    if name not in boards:
        raise BuildError(f"There is no board '{name}'; there are {', '.join(boards)}.")
    own = boards[name]
    vendor, boot = own.get("vendor"), own.get("boot", {})

    def joined(key: str) -> tuple[str, ...]:
        return (*common[key], *own[key])

    return Board(
        name=name,
        packages=joined("packages"),
        overlaid=tuple(own.get("overlaid", ())),
        wheels=tuple(own["wheels"]),
        kernels=tuple(BoardKernel(**kernel) for kernel in own["kernels"]),
        vendor=Vendor(vendor["label"], tuple(vendor["packages"])) if vendor else None,
        boot=BoardBoot(
            firmware=boot.get("firmware", ""),
            files=tuple(boot.get("files", ())),
            selector_files=tuple(boot.get("selector_files", ())),
            device_trees=tuple(boot.get("device_trees", ())),
            settings=tuple(boot.get("settings", ())),
        ),
        prune=joined("prune"),
        modules=joined("modules"),
        initramfs_modules=joined("initramfs_modules"),
        initramfs_wanted=tuple(common["initramfs_wanted"]),
        console=own["console"],
        sizes=Sizes(**common["sizes_mib"]),
    )
