"""File systems as files: the root (erofs, with the hash tree of dm-verity behind it) and FATs for what the firmware reads.

Their bytes depend on their content and the build's epoch alone: fixed names and numbers, clamped times, sorted order.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safecount_image.toolbox import Toolbox

_NAMESPACE = uuid.UUID("6a4f3f0e-6b1f-4a53-9d0b-5afec0470001")
_ZSTD_LEVEL = 9
_CLUSTER_BYTES = 65536
BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Root:
    """The root as a file: erofs up to `hash_offset`, the hash tree from there; `roothash` fixes every bit of both."""

    image: Path
    hash_offset: int
    roothash: str


def make_root(toolbox: Toolbox, root: Path, out: Path, name: str, epoch: int) -> Root:
    """Make erofs of a folder, and append its hash tree. The salt is fixed: it guards no secret, and a random one would make
    two builds differ.
    """
    fixed = uuid.uuid5(_NAMESPACE, name)
    toolbox.run(
        "mkfs.erofs", f"-zzstd,level={_ZSTD_LEVEL}", f"-C{_CLUSTER_BYTES}", f"-T{epoch}", "--all-time", f"-U{fixed}", "--quiet",
        out, root, readable=[root], writable=[out.parent],
    )  # fmt: skip
    data_bytes = -(-out.stat().st_size // BLOCK_BYTES) * BLOCK_BYTES
    with out.open("r+b") as file:
        file.truncate(data_bytes)
    told = toolbox.run(
        "veritysetup", "format", f"--hash-offset={data_bytes}", f"--data-blocks={data_bytes // BLOCK_BYTES}",
        f"--salt={'00' * 32}", f"--uuid={fixed}", out, out, writable=[out.parent],
    )  # fmt: skip
    found = re.search(r"^Root hash:\s+([0-9a-f]{64})$", told, re.MULTILINE)
    assert found  # noqa: S101 - veritysetup ended well, so it told the hash
    return Root(out, data_bytes, found[1])


def make_fat(toolbox: Toolbox, out: Path, label: str, size_mib: int, files: Mapping[str, Path], epoch: int) -> None:
    """Make a FAT of files, by their path on it."""
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        file.truncate(size_mib << 20)
    volume = f"{uuid.uuid5(_NAMESPACE, label).int & 0xFFFFFFFF:08x}"
    kind = ["-F", "32", "-s", "1"] if size_mib > 64 else ["-F", "16"]
    writable = [out.parent]
    toolbox.run("mkfs.vfat", "--invariant", *kind, "-i", volume, "-n", label, out, writable=writable)
    environment = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
    staged = out.with_suffix(".files")
    folders = sorted({str(parent) for path in files for parent in Path(path).parents if str(parent) != "."})
    for folder in folders:
        (staged / folder).mkdir(parents=True, exist_ok=True)
    staged.mkdir(exist_ok=True)
    for path, source in sorted(files.items()):
        (staged / path).write_bytes(source.read_bytes())
    toolbox.run("find", staged, "-exec", "touch", f"--date=@{epoch}", "{}", "+", writable=writable)
    top = sorted(staged.iterdir())
    if top:
        toolbox.run("mcopy", "-s", "-m", "-Q", "-i", out, *top, "::", writable=writable, environment=environment)
