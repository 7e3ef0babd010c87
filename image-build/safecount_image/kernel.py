"""The kernel's files: unpacked, never installed, since a kernel package's hooks would build an initramfs in the root.

Of its modules only those stay that a counter may need, with all that they need in turn.
"""

import lzma
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safecount_image.errors import BuildError
from safecount_image.packages import Package
from safecount_image.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Kernel:
    """One unpacked kernel, as its package names it.

    `modules` is its folder below lib/modules; `needs` tells for each module's path there which others must be loaded before it;
    `builtin` has the names of those that are part of the kernel.
    """

    version: str
    image: Path
    modules: Path
    device_trees: Path | None
    needs: dict[str, tuple[str, ...]]
    builtin: frozenset[str]


def unpack(toolbox: Toolbox, package: Package, pool: Path, work: Path) -> Kernel:
    """Raise BuildError where the package holds no kernel."""
    folder = work / f"kernel-{package.name}"
    folder.mkdir()
    toolbox.run("dpkg-deb", "--extract", pool / f"{package.sha256}.deb", folder, readable=[pool], writable=[folder])
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")  # depmod of one release looks below lib, of another below usr/lib
    images, modules = sorted(folder.glob("boot/vmlinu?-*")), sorted(folder.glob("lib/modules/*"))
    if len(images) != 1 or len(modules) != 1:
        found = f"{len(images)} kernels and {len(modules)} sets of modules"
        raise BuildError(f"The package {package.name} holds {found}, not one of each.")
    version = modules[0].name
    toolbox.run("depmod", "--basedir", folder, version, writable=[folder])
    trees = folder / f"usr/lib/linux-image-{version}"
    return Kernel(
        version=version,
        image=images[0],
        modules=modules[0],
        device_trees=trees if trees.is_dir() else None,
        needs=parse_needs((modules[0] / "modules.dep").read_text(encoding="ascii")),
        builtin=frozenset(
            module_name(line) for line in (modules[0] / "modules.builtin").read_text(encoding="ascii").splitlines()
        ),
    )


def parse_needs(modules_dep: str) -> dict[str, tuple[str, ...]]:
    """What depmod wrote: each module's path, and the paths of those that it needs."""
    lines = (line.partition(":") for line in modules_dep.splitlines() if line)
    return {path: tuple(needed.split()) for path, _, needed in lines}


def module_name(path: str) -> str:
    """As the kernel calls it: no folder, no ending, underscores."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def load_order(kernel: Kernel, names: Iterable[str]) -> list[str]:
    """The paths of the modules of these names and of all they need, each after those that it needs.

    Raises:
        BuildError: the kernel has a module of that name neither built in nor as a file.
    """
    by_name = {module_name(path): path for path in kernel.needs}
    ordered: dict[str, None] = {}

    def visit(path: str) -> None:
        if path not in ordered:
            for needed in reversed(kernel.needs[path]):
                visit(needed)
            ordered[path] = None

    for name in names:
        if name in by_name:
            visit(by_name[name])
        elif name not in kernel.builtin:
            raise BuildError(
                f"The kernel {kernel.version} has no module '{name}', which this board cannot start without."
            )
    return list(ordered)


def had(kernel: Kernel, names: Iterable[str]) -> list[str]:
    """Those of the modules of these names that the kernel has as files."""
    files = {module_name(path) for path in kernel.needs}
    return [name for name in names if name in files]


def chosen(kernel: Kernel, patterns: Iterable[str]) -> list[str]:
    """The paths of the modules below the folders, or with the paths, that `patterns` names, and of all they need."""
    wanted = tuple(f"kernel/{pattern}" for pattern in patterns)
    names = [module_name(path) for path in kernel.needs if path.startswith(wanted)]
    return load_order(kernel, names)


def install_modules(toolbox: Toolbox, kernel: Kernel, patterns: Iterable[str], root: Path) -> None:
    """Put the chosen modules into a root, with the indexes that udev and modprobe read."""
    target = root / "usr/lib/modules" / kernel.version
    for path in chosen(kernel, patterns):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(kernel.modules / path, target / path)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if (kernel.modules / name).exists():
            shutil.copy2(kernel.modules / name, target / name)
    toolbox.run("depmod", "--basedir", root, kernel.version, writable=[root])


def module_bytes(file: Path) -> bytes:
    """A module as busybox can load it, which knows no compression."""
    content = file.read_bytes()
    return lzma.decompress(content) if file.suffix == ".xz" else content
