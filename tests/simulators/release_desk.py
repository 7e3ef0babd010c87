"""The release side in a folder, and bundles of small images, made with the real RAUC."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from debian import need
from safecount.wire.release import PLACES, Release, Version
from safecount_ops.release.bundle import describe, index_of, make_bundle
from safecount_ops.release.rauc_ca import RaucCa
from safecount_ops.release.repository import ROLES, ReleaseRepository, Thresholds
from safecount_ops.release.signing_keys import SigningKeys

PASSPHRASE = b"a pass-phrase for tests"
ROOT_BYTES = 600_000


def image(seed: int, length: int = ROOT_BYTES) -> bytes:
    """Bytes that nothing can compress."""
    return Random(seed).randbytes(length)


@dataclass(frozen=True)
class ReleaseDesk:
    """`folder` has `keys`, `rauc` and `public`."""

    folder: Path

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def keys(self) -> SigningKeys:
        return SigningKeys(self.folder / "keys", PASSPHRASE)

    @property
    def rauc(self) -> RaucCa:
        return RaucCa(self.folder / "rauc")

    @property
    def root_file(self) -> Path:
        return self.public / "metadata" / "1.root.json"

    def repository(self, expiry: dict[str, timedelta] | None = None) -> ReleaseRepository:
        return ReleaseRepository(self.public, self.keys, expiry)

    def create(self, expiry: dict[str, timedelta] | None = None) -> "ReleaseDesk":
        self.rauc.create()
        roles = {role: Thresholds(3, 2) if role == "root" else Thresholds(1, 1) for role in ROLES}
        self.repository(expiry).create(roles)
        return self

    def bundle(self, version: str, *, board: str = "rpi", root: bytes | None = None, by: RaucCa | None = None) -> Path:
        need("mksquashfs"), need("rauc")
        name = f"{board}-{version}"
        sources = self.folder / f"{name}.root", self.folder / f"{name}.boot"
        sources[0].write_bytes(image(len(version)) if root is None else root)
        sources[1].write_bytes(image(99, 20_480))
        out = self.folder / f"{name}.raucb"
        out.unlink(missing_ok=True)
        make_bundle(*sources, out, board=board, version=Version.parse(version), ca=by or self.rauc)
        return out

    def publish(self, bundle: Path, *, share: int = PLACES, by: RaucCa | None = None, **changed: object) -> Release:
        release = replace(describe(bundle, (by or self.rauc).ca, share), **changed)  # type: ignore[arg-type]
        self.repository().add(release, bundle, index_of(bundle))
        return release
