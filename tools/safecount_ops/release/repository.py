"""The published folder: TUF metadata and bundles, as any static web server serves them.

Files are written so that a device that reads in the middle of a change sees the state before it: bundles first, then
targets, snapshot, and the timestamp last, each renamed into place.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer
from tuf.repository import Repository

from safecount.errors import SafecountError, UsageError
from safecount.wire.release import BUNDLE_SUFFIX, CUSTOM_KEY, Release, custom_of, parse_release
from safecount_ops.release.signing_keys import SigningKeys

EXPIRY = {"root": timedelta(days=730), "targets": timedelta(days=180), "snapshot": timedelta(days=14)}
"""Off-line keys sign rarely, the two on-line ones at least weekly (`renew`)."""
TIMESTAMP_EXPIRY = timedelta(days=14)
ROLES = ("root", "targets", "snapshot", "timestamp")
_CLASSES: dict[str, type[Root | Targets | Snapshot | Timestamp]] = {
    "root": Root,
    "targets": Targets,
    "snapshot": Snapshot,
    "timestamp": Timestamp,
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many keys a role has, and how many must sign."""

    keys: int
    needed: int


class ReleaseRepository(Repository):
    """`folder` is what is published; `keys` never lies in it. `expiry` overrides how long metadata holds."""

    def __init__(self, folder: Path, keys: SigningKeys, expiry: dict[str, timedelta] | None = None) -> None:
        self._folder = folder
        self._keys = keys
        self._expiry = {**EXPIRY, "timestamp": TIMESTAMP_EXPIRY, **(expiry or {})}

    def create(self, roles: dict[str, Thresholds]) -> None:
        """The ceremony: keys of all roles, the first root, and an empty list of releases."""
        if (self._folder / "metadata").exists():
            raise UsageError(f"{self._folder} holds a repository already.")
        for folder in ("metadata", "targets"):
            (self._folder / folder).mkdir(parents=True)
        with self.edit_root() as root:
            root.consistent_snapshot = True
            for role in ROLES:
                for number in range(1, roles[role].keys + 1):
                    root.add_key(self._keys.make(role, number).public_key, role)
                root.roles[role].threshold = roles[role].needed
        with self.edit_targets():
            pass
        self.publish()

    def publish(self) -> None:
        """A new snapshot if there are new targets, and a new timestamp."""
        self.do_snapshot()
        self.do_timestamp(force=True)

    def renew(self) -> None:
        """New dates for snapshot and timestamp, with nothing else changed."""
        self.do_snapshot(force=True)
        self.do_timestamp(force=True)

    def rotate(self, role: str) -> None:
        """Another key in place of each of a role's. The keys before must be there for the root; they are not deleted."""
        with self.edit_root() as root:
            old = list(root.roles[role].keyids)
            for _ in old:
                root.add_key(self._keys.make(role, self._keys.next_number(role)).public_key, role)
            for keyid in old:
                root.revoke_key(keyid, role)
        if role != "root":
            with self.edit(role):
                pass
            self.renew()
        self.publish()

    def add(self, release: Release, bundle: Path, index: bytes) -> None:
        """List a release, and lay its files where devices find them."""
        with self.edit_targets() as targets:
            if release.path in targets.targets:
                raise UsageError(
                    f"{release.path} is listed already; a release is never changed: give it a new version."
                )
            for path, content in ((release.index, index), (release.path, bundle)):
                target = self._lay(path, content)
                if path == release.path:
                    target.unrecognized_fields["custom"] = {CUSTOM_KEY: custom_of(release)}
                targets.targets[path] = target
        self.publish()

    def replace(self, release: Release) -> None:
        """Write a release's description anew, as when its share grows."""
        with self.edit_targets() as targets:
            targets.targets[release.path].unrecognized_fields["custom"] = {CUSTOM_KEY: custom_of(release)}
        self.publish()

    def revoke(self, release: Release) -> None:
        """List a release no more. Its files stay until they are tidied away, for devices in the middle of them."""
        with self.edit_targets() as targets:
            for path in (release.path, release.index):
                targets.targets.pop(path, None)
        self.publish()

    def releases(self) -> list[Release]:
        """All that are listed, by board and version."""
        listed = [
            parse_release(path, one.length, one.hashes["sha256"], one.unrecognized_fields["custom"][CUSTOM_KEY])
            for path, one in self.targets().targets.items()
            if path.endswith(BUNDLE_SUFFIX)
        ]
        return sorted(listed, key=lambda one: (one.board, one.version))

    def expiries(self) -> dict[str, datetime]:
        """Until when each role's metadata holds, UTC."""
        return {role: self.open(role).signed.expires for role in ROLES}

    # What tuf.repository.Repository asks for

    def open(self, role: str) -> Metadata:  # type: ignore[type-arg]  # as the base class has it
        path = self._newest(role)
        if path is None:
            return Metadata(self._first(role))
        try:
            return Metadata.from_file(str(path))
        except DeserializationError as error:
            raise SafecountError(f"{path} is damaged; take it from a copy of the repository.") from error

    def _first(self, role: str) -> Root | Targets | Snapshot | Timestamp:
        signed = _CLASSES[role]()
        signed.version = 0  # `close` counts it up
        if isinstance(signed, Snapshot):
            signed.meta = {}  # the default names a version that has no digest
        if isinstance(signed, Timestamp):
            signed.snapshot_meta = self.snapshot_info
        return signed

    def close(self, role: str, md: Metadata) -> None:  # type: ignore[type-arg]
        signed = md.signed
        signed.version += 1
        signed.expires = datetime.now(UTC).replace(microsecond=0) + self._expiry[role]
        before = self.root() if role != "root" or self._newest("root") else None
        self._sign(role, md, [root for root in (before, signed) if isinstance(root, Root)])
        name = f"{role}.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        _put(self._folder / "metadata" / name, md.to_bytes(JSONSerializer()))

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        return {"targets.json": self._info("targets")}

    @property
    def snapshot_info(self) -> MetaFile:
        return self._info("snapshot")

    def _sign(self, role: str, md: Metadata, roots: list[Root]) -> None:  # type: ignore[type-arg]
        """Sign with all of our keys that one of these roots knows for the role; each root must be content."""
        md.signatures.clear()
        for signer in self._keys.load(role):
            if any(signer.public_key.keyid in root.roles[role].keyids for root in roots):
                md.sign(signer, append=True)
        for root in roots:
            needed, has = root.roles[role].threshold, len(set(root.roles[role].keyids) & set(md.signatures))
            if has < needed:
                raise SafecountError(f"The {role} needs signatures of {needed} keys, and {has} are in the key folder.")

    def _newest(self, role: str) -> Path | None:
        if role == "timestamp":
            path = self._folder / "metadata" / "timestamp.json"
            return path if path.exists() else None
        found = (self._folder / "metadata").glob(f"*.{role}.json")
        return max(found, key=lambda path: int(path.name.split(".")[0]), default=None)

    def _info(self, role: str) -> MetaFile:
        path = self._newest(role)
        if path is None:
            raise SafecountError(f"{self._folder} holds no repository; `safecount-ops release init` makes one.")
        return MetaFile.from_data(int(path.name.split(".")[0]), path.read_bytes(), ["sha256"])

    def _lay(self, path: str, content: bytes | Path) -> TargetFile:
        if isinstance(content, Path):
            target = TargetFile.from_file(path, str(content), ["sha256"])
        else:
            target = TargetFile.from_data(path, content, ["sha256"])
        folder, _, name = path.rpartition("/")
        _put(self._folder / "targets" / folder / f"{target.hashes['sha256']}.{name}", content)
        return target


def _put(path: Path, content: bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _beside(path) as beside, beside.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
            return
        with content.open("rb") as source:
            while piece := source.read(1 << 20):
                file.write(piece)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    beside = path.with_name(f".{path.name}.new")
    yield beside
    beside.rename(path)


def sha256_of(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
