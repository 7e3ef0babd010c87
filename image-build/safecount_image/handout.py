"""What is handed out with a card: compressed image, block map, signed sums, and a list for Raspberry Pi Imager."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from safecount_image.errors import BuildError
from safecount_image.packages import digest
from safecount_image.provenance import Json, envelope, statement, to_be_signed
from safecount_image.toolbox import Toolbox

PROVENANCE, SIGNED_PROVENANCE = "provenance.json", "provenance.intoto.jsonl"
SIGNING_KEY = "SIGNING_KEY"
"""Names the file of an Ed25519 key, PKCS #8 in PEM. It never comes into an image or into the repository."""
IMAGE_URL = "IMAGE_URL"
"""Where the image will be offered; without it the list for Imager names a file beside itself."""
# Imager's names for the boards that an image starts on (the Zero 2 W counts as a Pi 3 there).
_DEVICES = {"rpi": ["pi3-64bit", "pi4-64bit", "pi5-64bit"]}


def hand_out(
    toolbox: Toolbox, out: Path, board: str, version: str, model: str, epoch: int, dependencies: Sequence[Json]
) -> None:
    """Make all of it beside `card.img`; `dependencies` is what went in, as `provenance.materials` has it.

    Raises:
        BuildError: the signing key cannot be used.
    """
    card, compressed = out / "card.img", out / "card.img.xz"
    toolbox.run("bmaptool", "create", "--output", out / "card.bmap", card, writable=[out])
    # Blocks of a fixed size: the same bytes however many processors there are.
    toolbox.run(
        "sh",
        "-euc",
        'xz --compress --stdout --threads=2 --block-size=32MiB -1 "$0" >"$1"',
        card,
        compressed,
        writable=[out],
    )
    listed = imager_list(board, version, model, epoch, card, compressed)
    (out / "manifest.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    names = (
        "boot.img",
        "card.bmap",
        "card.img",
        "card.img.xz",
        "image.json",
        "manifest.json",
        "root.erofs",
        "sbom.cdx.json",
    )
    sums = {name: digest(out / name) for name in names}
    told = statement(sums, board, version, epoch, dependencies)
    (out / PROVENANCE).write_text(told, encoding="ascii")
    sums[PROVENANCE] = digest(out / PROVENANCE)
    (out / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), encoding="ascii")
    _sign_all(toolbox, out, told.encode())


def imager_list(board: str, version: str, model: str, epoch: int, card: Path, compressed: Path) -> Mapping[str, object]:
    """The list that Raspberry Pi Imager reads (`rpi-imager --repo manifest.json`)."""
    entry = {
        "name": f"safecount {version} ({board})",
        "description": f"A door counter that can be trusted, with the detector {model}",
        "url": os.environ.get(IMAGE_URL, compressed.name),
        "release_date": datetime.fromtimestamp(epoch, UTC).date().isoformat(),
        "extract_size": card.stat().st_size,
        "extract_sha256": digest(card),
        "image_download_size": compressed.stat().st_size,
        "image_download_sha256": digest(compressed),
        "devices": _DEVICES.get(board, []),
        "init_format": "none",  # nothing to fill in: no user, no password, no ssh
    }
    return {"os_list": [entry]}


def _sign_all(toolbox: Toolbox, out: Path, told: bytes) -> None:
    """The sums, and the provenance in its own envelope, which those read that know in-toto."""
    for name in ("SHA256SUMS.sig", SIGNED_PROVENANCE):
        (out / name).unlink(missing_ok=True)
    chosen = os.environ.get(SIGNING_KEY)
    if not chosen:
        return
    key = Path(chosen).resolve()
    if not key.is_file():
        raise BuildError(
            f"{SIGNING_KEY} names {chosen}, which is no file; make one with openssl genpkey -algorithm ed25519."
        )
    _sign(toolbox, key, out / "SHA256SUMS", out / "SHA256SUMS.sig")
    bare, signature = out / "to-be-signed", out / "signed"
    bare.write_bytes(to_be_signed(told))
    _sign(toolbox, key, bare, signature)
    (out / SIGNED_PROVENANCE).write_text(envelope(told, signature.read_bytes()), encoding="ascii")
    bare.unlink()
    signature.unlink()


def _sign(toolbox: Toolbox, key: Path, content: Path, signature: Path) -> None:
    toolbox.run(
        "openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", content, "-out", signature,
        readable=[key.parent], writable=[content.parent],
    )  # fmt: skip
