"""Bundles: made and read by RAUC (Debian's `rauc` and `squashfs-tools`), described for the repository.

Inside a bundle the images lie uncompressed (they are compressed file systems already) and before the manifest, so that
their blocks keep one alignment, which is what the index of blocks lives by.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from safecount.errors import SafecountError, UsageError
from safecount.wire.block_index import BLOCK, INDEX_SUFFIX, encode_index
from safecount.wire.release import BUNDLE_SUFFIX, DATA_FORMAT, Release, Version
from safecount_ops.release.rauc_ca import RaucCa
from safecount_ops.release.repository import sha256_of

HEAD = 96
"""Length of a squashfs superblock: the first image begins behind it (squashfs 4.0, no compressor options)."""
_RAW = "-noI -noD -noF -noX -no-fragments -no-duplicates"
_MANIFEST = """\
[update]
compatible=safecount-{board}
version={version}

[bundle]
format=verity

[image.rootfs]
filename=image-root.img

[image.boot]
filename=image-boot.vfat
"""


def make_bundle(root: Path, boot: Path, out: Path, *, board: str, version: Version, ca: RaucCa) -> None:
    """Join a root and a boot image into a bundle that RAUC's key has signed."""
    if out.exists():
        raise UsageError(f"{out} exists already; name another file.")
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        content = Path(scratch, "content")
        content.mkdir()
        for source, name in ((boot, "image-boot.vfat"), (root, "image-root.img")):
            _padded(source, content / name)
        (content / "manifest.raucm").write_text(_MANIFEST.format(board=board, version=version), encoding="ascii")
        made = Path(scratch, "bundle" + BUNDLE_SUFFIX)
        _rauc(
            "bundle",
            f"--cert={ca.certificate}",
            f"--key={ca.key}",
            f"--mksquashfs-args={_RAW}",
            str(content),
            str(made),
        )
        made.rename(out)


def describe(bundle: Path, ca: Path, share: int) -> Release:
    """The release that a bundle is, its signature checked against RAUC's CA."""
    told = json.loads(_rauc("info", f"--keyring={ca}", "--output-format=json", str(bundle)))
    board = str(told["compatible"]).removeprefix("safecount-")
    try:
        version = Version.parse(told["version"])
    except ValueError as error:
        raise UsageError(f"{bundle} is no bundle of ours: {error}.") from error
    name = f"{board}/{version}"
    return Release(
        path=name + BUNDLE_SUFFIX,
        version=version,
        board=board,
        data=DATA_FORMAT,
        share=share,
        signature=_signature(bundle),
        index=name + INDEX_SUFFIX,
        length=bundle.stat().st_size,
        digest=sha256_of(bundle),
    )


def index_of(bundle: Path) -> bytes:
    """The index of a bundle's blocks."""
    return encode_index(HEAD, _blocks(bundle))


def _blocks(bundle: Path) -> Iterator[bytes]:
    with bundle.open("rb") as file:
        yield file.read(HEAD)
        while block := file.read(BLOCK):
            yield block


def _signature(bundle: Path) -> bytes:
    with bundle.open("rb") as file:
        file.seek(-8, 2)
        length = int.from_bytes(file.read(8), "big")
        file.seek(-8 - length, 2)
        return hashlib.sha256(file.read(length)).digest()


def _padded(source: Path, to: Path) -> None:
    shutil.copyfile(source, to)
    size = to.stat().st_size
    with to.open("r+b") as file:
        file.truncate(-(-size // BLOCK) * BLOCK)


def _rauc(*arguments: str) -> str:
    try:
        ran = subprocess.run(["rauc", *arguments], check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SafecountError("RAUC is not installed (Debian: apt-get install rauc squashfs-tools).") from error
    if ran.returncode:
        raise SafecountError(f"RAUC refused: {(ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1]}")
    return ran.stdout
