"""The release side on this machine, for a device in emulation: its keys, second releases made from the built image, and the
published folder behind HTTPS.

Everything is made by the commands that ship (`safecount-ops release`). The image that is tested trusts nobody's keys, or
those of its builder; the bench lays its own over them (docs/bench.md).
"""

import json
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boot.bench_disk import SHARE, laid_over
from debian import need
from safecount_image.filesystems import make_root
from safecount_image.toolbox import Toolbox
from safecount_ops.__main__ import main
from safecount_ops.release.rauc_ca import RaucCa
from simulators.release_server import ReleaseServer
from simulators.tls import Authority

HOST_AS_THE_GUEST_SEES_IT = "10.0.2.2"
BOARD = "virt"
OURS = "usr/local/lib/python3.13/dist-packages/safecount"
RAUC_SETTINGS = "etc/rauc/system.conf"
WORDS = (laid_over("system.conf", f"/{RAUC_SETTINGS}"),)
"""Words for the kernel's command line, besides those of the bench disk: RAUC's settings are laid over with the same ones
that name the bench's keyring.
"""
SETTINGS = """
[update]
repository = "{url}"
ca_file = "{share}/releases.pem"
root_file = "{share}/release-root.json"
keyring_file = "{share}/keyring.pem"
ask_every_s = 15.0
first_ask_s = 5.0
restart_from = "00:00"
restart_until = "00:00"
trial_s = 100.0
settle_s = 60.0
"""
"""An hour's wait, a night's and ten minutes, cut to what somebody waits for before a bench. The rest is as it ships."""
Change = Callable[[Path], None]


@dataclass(frozen=True)
class Images:
    """What a release is made of: root with its hash tree, and the FAT of a slot."""

    root: Path
    boot: Path


class Builder:
    """Makes releases from the image that was built, in a folder of its own, which it keeps unpacked."""

    def __init__(self, toolbox: Toolbox, image: Path, folder: Path) -> None:
        self._toolbox = toolbox
        self._image = image
        self._folder = folder
        self._tree = folder / "tree"

        told = json.loads((image / "image.json").read_text())
        self.model: str = told["model"]
        self._epoch: int = told["epoch"]

    @property
    def shipped(self) -> Images:
        return Images(self._image / "root.erofs", self._image / "boot.img")

    def read(self, path: str) -> str:
        """A text file of the image's root."""
        if not self._tree.is_dir():
            self._unpack()
        return (self._tree / path).read_text(encoding="utf-8")

    def build(self, version: str, change: Change | None = None) -> Images:
        """The image's root with another version in it, changed, compiled and packed anew as the image's own is."""
        self._unpack()
        if change is not None:
            change(self._tree / OURS)
        package = self._tree / OURS / "__init__.py"
        said = package.read_text(encoding="utf-8")
        package.write_text(said[: said.index("__version__")] + f'__version__ = "{version}"\n', encoding="utf-8")
        self._compile()
        made = make_root(self._toolbox, self._tree, self._folder / f"{version}.root", f"{BOARD} root", self._epoch)
        words = {"safecount.roothash": made.roothash, "safecount.hashoffset": str(made.hash_offset)}
        return Images(made.image, self._boot(version, words))

    def damaged(self, version: str, part: str, of: Images) -> Images:
        """A release that cannot start: its root's first block is gone, or its kernel."""
        root, boot = (self._folder / f"{version}.{name}" for name in ("root", "boot"))
        shutil.copyfile(of.root, root)
        shutil.copyfile(of.boot, boot)
        if part == "root":
            with root.open("r+b") as file:
                file.write(bytes(4096))
        else:
            self._put(boot, part, b"\xff" * 65536)
        return Images(root, boot)

    def _unpack(self) -> None:
        shutil.rmtree(self._tree, ignore_errors=True)
        self._toolbox.run(
            "fsck.erofs", f"--extract={self._tree}", self._image / "root.erofs",
            readable=[self._image], writable=[self._folder],
        )  # fmt: skip

    def _compile(self) -> None:
        """By the tree's own Python version, as the image's build does."""
        for cached in (self._tree / OURS).rglob("__pycache__"):
            shutil.rmtree(cached)
        self._toolbox.run(
            "python3.13", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", self._tree, "-p", "/",
            self._tree / OURS, writable=[self._tree],
        )  # fmt: skip

    def _boot(self, version: str, words: dict[str, str]) -> Path:
        boot, line = self._folder / f"{version}.boot", self._folder / "cmdline.txt"
        shutil.copyfile(self._image / "boot.img", boot)
        self._toolbox.run("mcopy", "-n", "-o", "-i", boot, "::cmdline.txt", line, writable=[self._folder])
        told = [word.partition("=") for word in line.read_text(encoding="ascii").split()]
        text = " ".join(name + mark + words.get(name, value) for name, mark, value in told)
        self._put(boot, "cmdline.txt", f"{text}\n".encode())
        return boot

    def _put(self, boot: Path, name: str, content: bytes) -> None:
        file = self._folder / name
        file.write_bytes(content)
        self._toolbox.run("mcopy", "-n", "-o", "-i", boot, file, f"::{name}", writable=[self._folder])


class Publisher:
    """The release manager at a desk: a ceremony, bundles, and what is published. `server` is entered by the bench."""

    def __init__(self, folder: Path) -> None:
        need("rauc")
        need("mksquashfs")
        folder.mkdir()
        self._folder = folder
        self._desk = folder / "release"
        self._phrase = folder / "phrase"
        self._phrase.write_text("a pass-phrase of the bench\n")
        self._does("init")
        authority = Authority(folder, "releases")
        identity = authority.issue("server", address=HOST_AS_THE_GUEST_SEES_IT)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate_file, identity.key_file)
        self._authority = authority.file
        self.server = ReleaseServer(self._desk / "public", tls=context)

    def files(self, rauc_settings: str) -> dict[str, bytes]:
        """What the bench disk must have, so that the device trusts these keys: by name. `rauc_settings` are the image's."""
        shipped = "path=/etc/rauc/keyring.pem"
        if shipped not in rauc_settings:
            raise AssertionError("the image's RAUC settings name no keyring where the bench knows it")
        return {
            "releases.pem": self._authority.read_bytes(),
            "release-root.json": (self._desk / "public" / "metadata" / "1.root.json").read_bytes(),
            "keyring.pem": RaucCa(self._desk / "rauc").ca.read_bytes(),
            "system.conf": rauc_settings.replace(shipped, f"path={SHARE}/keyring.pem").encode(),
        }

    def settings(self) -> str:
        """What is added to the bench's settings, once the server is there."""
        port = self.server.port
        return SETTINGS.format(url=f"https://{HOST_AS_THE_GUEST_SEES_IT}:{port}", share=SHARE)

    def bundle(self, version: str, images: Images) -> Path:
        out = self._folder / f"{version}.raucb"
        self._does_unsigned(
            "bundle", "--root", images.root, "--boot", images.boot, "--board", BOARD, "--version", version, "--out", out
        )
        return out

    def publish(self, bundle: Path) -> None:
        self._does("publish", str(bundle), "--share", "all", "--yes")

    def _does(self, *arguments: str) -> None:
        self._does_unsigned(*arguments, "--passphrase-file", self._phrase)

    def _does_unsigned(self, *arguments: str | Path) -> None:
        if main(["release", *map(str, arguments), "--desk", str(self._desk)]) != 0:
            raise AssertionError(f"safecount-ops release {arguments[0]} failed")
