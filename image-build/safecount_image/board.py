"""A board: which packages it is made of, and where its kernel and console are. Read from boards.toml."""

import tomllib
from dataclasses import dataclass
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
class Board:
    """One entry of boards.toml, joined with what is common to all.

    Attributes:
        name: of the board.
        packages: go into the root.
        kernels: the kernels that the card has.
        firmware: packages whose boot files are unpacked onto the boot partition.
        firmware_settings: lines of config.txt.
        prune: glob patterns of what is removed from the root again.
        modules: of the kernel, by folder or file below kernel/, that stay in the root.
        initramfs_modules: names of those that the initramfs loads, in this order.
        console: the serial device that the kernel speaks on.
        sizes: of the card's partitions.
    """

    name: str
    packages: tuple[str, ...]
    kernels: tuple[BoardKernel, ...]
    firmware: tuple[str, ...]
    firmware_settings: tuple[str, ...]
    prune: tuple[str, ...]
    modules: tuple[str, ...]
    initramfs_modules: tuple[str, ...]
    console: str
    sizes: Sizes

    @property
    def lock(self) -> Path:
        return FOLDER / "locks" / f"{self.name}.tsv"


def read_board(name: str) -> Board:
    """Raise BuildError for a board that boards.toml does not have."""
    table = tomllib.loads((FOLDER / "boards.toml").read_text(encoding="utf-8"))
    common, boards = table["common"], table["boards"]
    if name not in boards:
        raise BuildError(f"There is no board '{name}'; there are {', '.join(boards)}.")
    own = boards[name]
    joined = {key: (*common[key], *own[key]) for key in ("packages", "prune", "modules", "initramfs_modules")}
    return Board(
        name=name,
        kernels=tuple(BoardKernel(**kernel) for kernel in own["kernels"]),
        firmware=tuple(own["firmware"]),
        firmware_settings=tuple(own["firmware_settings"]),
        console=own["console"],
        sizes=Sizes(**common["sizes_mib"]),
        **joined,
    )
