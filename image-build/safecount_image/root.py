"""The root: the base root's packages and our wheels, less what a counter never runs, with its model and config/ laid over."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from safecount_image.board import REPOSITORY, Board
from safecount_image.errors import BuildError
from safecount_image.kernel import Kernel, install_modules
from safecount_image.model import Model
from safecount_image.toolbox import Toolbox
from safecount_image.wheels import PYTHON, SITE, install_wheels

CONFIG = REPOSITORY / "config"
MODELS = Path("usr/share/safecount/models")
TRUST = {
    "release/public/metadata/1.root.json": "usr/share/safecount/release-root.json",
    "release/rauc/ca.pem": "etc/rauc/keyring.pem",
}
"""What a device believes releases by, from the folder that `safecount-ops release init` makes. Without it no update comes."""


def compose(
    toolbox: Toolbox,
    board: Board,
    base: Path,
    overlay: Path,
    kernels: Iterable[Kernel],
    model: Model,
    work: Path,
    epoch: int,
) -> Path:
    """Make the finished root as a folder.

    Args:
        toolbox: the tool tree.
        board: whose prunings and modules are taken.
        base: the base root; it is copied.
        overlay: the folder of what is laid over it.
        kernels: whose modules go into the root.
        model: the detector.
        work: the folder to make it in.
        epoch: SOURCE_DATE_EPOCH; also the earliest time that the device's clock may show.
    """
    root = work / "root"
    toolbox.run("cp", "--archive", "--reflink=auto", base, root, readable=[base], writable=[work])
    toolbox.run("cp", "--archive", f"{overlay}/.", root, readable=[overlay], writable=[root])
    for kernel in kernels:
        install_modules(toolbox, kernel, board.modules, root)
    install_wheels(root, board.wheels, work, epoch)
    prune(root, board.prune)
    (root / MODELS).mkdir(parents=True)
    shutil.copyfile(model.file, root / MODELS / model.card.file)
    shutil.copytree(CONFIG, root, symlinks=True, dirs_exist_ok=True)
    name_board(root, board.name)
    name_model(root, model.card.name)
    _settle(toolbox, root, epoch)
    _compile(toolbox, root)
    return root


def name_board(root: Path, board: str, builder: Path = REPOSITORY) -> None:
    """Say which board it is, to ourselves and to RAUC, and lay in what releases are believed by, if the builder has it."""
    (root / "usr/share/safecount/board").write_text(f"{board}\n", encoding="ascii")
    rauc = root / "etc/rauc/system.conf"
    rauc.write_text(rauc.read_text(encoding="ascii").replace("@BOARD@", board), encoding="ascii")
    for source, target in TRUST.items():
        if (builder / source).exists():
            shutil.copyfile(builder / source, root / target)


def name_model(root: Path, name: str) -> None:
    """Say in the settings that ship which model is there."""
    settings = root / "etc/safecount/safecount.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("@MODEL@", name), encoding="utf-8")


def prune(root: Path, patterns: Iterable[str]) -> None:
    """Remove what the patterns name.

    Raises:
        BuildError: a pattern finds nothing: it is out of date, and what it kept out may be back under another name.
    """
    for pattern in patterns:
        found = list(root.glob(pattern))
        if not found:
            raise BuildError(
                f"boards.toml prunes '{pattern}', but the root has nothing of that name; mend the pattern or drop it."
            )
        for path in found:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _settle(toolbox: Toolbox, root: Path, epoch: int) -> None:
    """What the packages' first start would do, done now, since the root is never written."""
    clock = {"SOURCE_DATE_EPOCH": str(epoch)}
    said = toolbox.run("systemd-sysusers", f"--root={root}", writable=[root], environment=clock)
    if wrong := [line for line in said.splitlines() if ".conf:" in line]:  # it goes on after a bad line
        raise BuildError(f"A file in sysusers.d is wrong: {wrong[0]}")
    toolbox.run("systemctl", f"--root={root}", "preset-all", writable=[root])
    (root / "etc/machine-id").write_text("", encoding="ascii")  # systemd takes a new one in memory at each start
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (root / "usr/lib/clock-epoch").touch()  # systemd never sets the clock below this file's time, which is the epoch
    # Nobody may become more than he is: there is no program left that would need it.
    toolbox.run(
        "find", root, "-xdev", "-type", "f", "-perm", "/6000", "-exec", "chmod", "a-s", "{}", "+", writable=[root]
    )
    for leftover in ("etc/.pwd.lock", "etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-", "etc/ld.so.cache~"):
        (root / leftover).unlink(missing_ok=True)
    for folder in ("var", "run", "tmp", "boot", "home", "root", "srv", "mnt", "media", "opt"):
        if (root / folder).is_dir() and not (root / folder).is_symlink():
            shutil.rmtree(root / folder)
        (root / folder).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)


def _compile(toolbox: Toolbox, root: Path) -> None:
    """Compile all Python now. Checked by nothing at run-time: the root cannot change, and its times are all the same."""
    for cached in root.rglob("__pycache__"):
        shutil.rmtree(cached)
    folders = [f"usr/lib/python{PYTHON}", "usr/lib/python3/dist-packages", str(SITE)]
    toolbox.run(
        f"python{PYTHON}", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash",
        "-s", root, "-p", "/", *(root / folder for folder in folders), writable=[root],
    )  # fmt: skip
