"""A stand-in for Raspberry Pi's archive: packages of the same names around Debian's kernel and libcamera, signed by a key of
its own and served on loopback.

What it has in common with the real one is names, where files lie in packages, how the kernel's metapackage points to its
package, and that it also offers what must not be taken from it. What is in the firmware's files is made up: nothing here runs
them.
"""

import hashlib
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from debian import need
from safecount_image.board import Board
from safecount_image.packages import Package

OURS = "+rpt1"
NOT_TO_BE_TAKEN = "base-files"
FIRMWARE = "firmware of a stand-in"


class StandInArchive:
    """Packages on their way into a folder that can be served as an archive."""

    def __init__(self, folder: Path, pool: Path, board: Board) -> None:
        """`pool` has Debian's packages, `board` says what the archive must have."""
        self.folder = folder
        self.key = folder / "key.asc"
        self._pool = pool
        self._board = board
        (folder / "pool").mkdir(parents=True)
        self._work = folder / "work"

    def renamed(self, package: Package, name: str = "", edit: str = "") -> str:
        """Take a package of Debian's under another version, and its new `name`; `edit` is a shell script run in its files."""
        files = self._work / package.name
        self._work.mkdir(exist_ok=True)
        _run("dpkg-deb", "--raw-extract", self._pool / f"{package.sha256}.deb", files)
        control = files / "DEBIAN/control"
        text = control.read_text(encoding="utf-8").replace(package.version, package.version + OURS)
        text = text.replace(f"Package: {package.name}\n", f"Package: {name or package.name}\n")
        control.write_text(text, encoding="utf-8")
        (files / "DEBIAN/md5sums").unlink(missing_ok=True)
        if edit:
            subprocess.run(["sh", "-euc", edit], cwd=files, check=True)
        self._pack(files)
        return package.version + OURS

    def new(self, name: str, version: str, files: Mapping[str, bytes], depends: str = "") -> None:
        """A package that Debian has not, or has otherwise."""
        folder = self._work / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "DEBIAN").mkdir(parents=True)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: arm64\nMaintainer: nobody <nobody@invalid>\n"
            f"{f'Depends: {depends}' + chr(10) if depends else ''}Description: stand-in\n"
        )
        (folder / "DEBIAN/control").write_text(control, encoding="ascii")
        self._pack(folder)

    def sign(self, suite: str) -> None:
        """Write the archive's lists, signed by a key made now."""
        stanzas = []
        for deb in sorted((self.folder / "pool").glob("*.deb")):
            control = _run("dpkg-deb", "--field", deb)
            hashed = hashlib.sha256(deb.read_bytes()).hexdigest()
            size = deb.stat().st_size
            stanzas.append(f"{control.strip()}\nFilename: pool/{deb.name}\nSize: {size}\nSHA256: {hashed}\n")
        index = "\n".join(stanzas).encode()
        dists = self.folder / f"dists/{suite}"
        (dists / "main/binary-arm64").mkdir(parents=True)
        (dists / "main/binary-arm64/Packages").write_bytes(index)
        assert self._board.vendor is not None
        label = self._board.vendor.label
        head = f"Origin: {label}\nLabel: {label}\nSuite: stable\nCodename: {suite}\nArchitectures: arm64\nComponents: main\n"
        entry = f"SHA256:\n {hashlib.sha256(index).hexdigest()} {len(index)} main/binary-arm64/Packages\n"
        (dists / "Release").write_text(f"{head}Date: Thu, 01 Jan 2026 00:00:00 UTC\n{entry}", encoding="ascii")
        home = self.folder / "gnupg"
        home.mkdir(mode=0o700)
        gpg = (need("gpg"), "--homedir", str(home), "--batch", "--quiet", "--passphrase", "")
        _run(*gpg, "--quick-generate-key", "stand-in", "ed25519", "sign", "never")
        _run(*gpg, "--armor", "--output", self.key, "--export", "stand-in")
        _run(*gpg, "--clearsign", "--output", dists / "InRelease", dists / "Release")
        _run("gpgconf", "--homedir", home, "--kill", "gpg-agent")

    @contextmanager
    def served(self) -> Iterator[str]:
        """The archive's address while it is served."""

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_told: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=self.folder)) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    def _pack(self, files: Path) -> None:
        _run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", files, self.folder / "pool")
        shutil.rmtree(files)


def kernel_name(debians: Package) -> str:
    """The name that Raspberry Pi would give to the package of this kernel of Debian's."""
    return f"linux-image-{debians.version.partition('-')[0]}+rpt-rpi-v8"


def make_archive(archive: StandInArchive, packages: list[Package], camera_wheels: Mapping[str, Path]) -> None:
    """All that the board `rpi` asks for.

    Args:
        archive: the empty archive.
        packages: the lock of the board `virt`, whose files are in the pool.
        camera_wheels: the wheels picamera2 and videodev2.
    """
    kernel = next(package for package in packages if package.place == "kernel")
    # The firmware asks for device trees by the names that Raspberry Pi's kernel has; Debian's has the mainline's.
    edit = (
        "cd usr/lib/linux-image-*; mv broadcom/bcm2837-rpi-3-b.dtb broadcom/bcm2710-rpi-3-b.dtb; mkdir overlays; "
        "printf overlay > overlays/imx708.dtbo; printf overlay > overlays/dwc2.dtbo"
    )
    version = archive.renamed(kernel, kernel_name(kernel), edit)
    archive.new("linux-image-rpi-v8", version, {}, f"{kernel_name(kernel)} (= {version})")
    for package in packages:
        if package.place == "root" and package.name.startswith(("libcamera", "python3-libcamera", "libpisp")):
            archive.renamed(package)
    names = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat", "start_cd.elf", "LICENCE.broadcom")
    archive.new("raspi-firmware", "1:1.20260101-1", {f"usr/lib/raspi-firmware/{n}": FIRMWARE.encode() for n in names})
    wifi = {"usr/lib/firmware/brcm/brcmfmac43436-sdio.bin": FIRMWARE.encode()}
    archive.new("firmware-brcm80211", "1:20250410-2+rpt1", wifi)
    for name, wheel in camera_wheels.items():
        with zipfile.ZipFile(wheel) as opened:
            members = [member for member in opened.namelist() if member.endswith(".py")]
            files = {f"usr/lib/python3/dist-packages/{member}": opened.read(member) for member in members}
        # What the real one asks for, and a counter does not get.
        archive.new(f"python3-{name}", "0.3.38-1", files, "python3-av, python3-opengl, python3-simplejpeg")
    archive.new(NOT_TO_BE_TAKEN, "999", {"etc/from-the-stand-in": b""})


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
