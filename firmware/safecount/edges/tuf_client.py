"""The repository of releases, as python-tuf's client sees it: what is newest, for whom, and until when.

Implements `updating.ports.Repository`. All trust in metadata is python-tuf's; this file names its errors in our closed
list, and brings it bytes within limits.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from safecount.edges.bundle_download import KEEP_FREE_BYTES, BundleDownload, Source
from safecount.edges.web import NoSuchFile, Web
from safecount.updating.ports import Refused
from safecount.wire.block_index import parse_index
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.release import BUNDLE_SUFFIX, CUSTOM_KEY, Release, parse_release
from safecount.wire.update_state import Refusal

MAX_METADATA = 1024 * 1024
MAX_ROTATIONS = 256
_UNSIGNED = {
    "root": Refusal.UNSIGNED_ROOT,
    "timestamp": Refusal.UNSIGNED_TIMESTAMP,
    "snapshot": Refusal.UNSIGNED_SNAPSHOT,
    "targets": Refusal.UNSIGNED_TARGETS,
}
_PARTIAL = "bundle.part"


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """`url` of the published folder, `folder` of ours to write in, `root_file` of the image's first root. `sources` are
    searched for blocks of a bundle. `limit_bytes` bounds a download on a metered line.
    """

    url: str
    folder: Path
    root_file: Path
    sources: Sequence[Source] = ()
    limit_bytes: int | None = None
    keep_free: int = KEEP_FREE_BYTES


class TufRepository:
    """Remembers the last verified metadata on disk, which is what keeps old metadata from being taken again."""

    def __init__(self, settings: RepositorySettings, web: Web) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._web = web
        self._updater: Updater | None = None

    def releases(self) -> Sequence[Release]:
        fetcher = _Fetcher(self._web)
        folder = self._settings.folder / "metadata"
        folder.mkdir(parents=True, exist_ok=True)
        before = _timestamp_version(folder)
        try:
            self._updater = self._client(folder, fetcher)
            self._updater.refresh()
            return [*self._listed(folder)]
        except OSError as error:
            raise Refused(Refusal.DISK_FULL, f"The metadata cannot be kept: {error.strerror}.") from error
        except DownloadError as error:
            raise _download_refused(error) from error
        except (RepositoryError, DeserializationError) as error:
            frozen = isinstance(error, ExpiredMetadataError) and before == _timestamp_version(folder) is not None
            raise _metadata_refused(error, fetcher.role, frozen=frozen) from error

    def fetch(self, release: Release) -> str:
        path = self._settings.folder / _PARTIAL
        BundleDownload(
            web=self._web,
            url=self._target_url(release.path, release.digest.hex()),
            release=release,
            index=parse_index(self._index(release), release.length),
            path=path,
            sources=self._settings.sources,
            keep_free=self._settings.keep_free,
            limit_bytes=self._settings.limit_bytes,
        ).run()
        return str(path)

    def forget(self) -> None:
        (self._settings.folder / _PARTIAL).unlink(missing_ok=True)

    def _client(self, folder: Path, fetcher: "_Fetcher") -> Updater:
        return Updater(
            str(folder),
            f"{self._url}/metadata/",
            target_dir=str(self._settings.folder),
            target_base_url=f"{self._url}/targets/",
            fetcher=fetcher,
            config=UpdaterConfig(
                max_root_rotations=MAX_ROTATIONS,
                root_max_length=MAX_METADATA,
                timestamp_max_length=16 * 1024,
                snapshot_max_length=64 * 1024,
                targets_max_length=MAX_METADATA,
            ),
            bootstrap=self._settings.root_file.read_bytes(),
        )

    def _listed(self, folder: Path) -> Iterator[Release]:
        """Every release of the metadata that was just verified; those of a newer format are for newer firmware."""
        assert self._updater is not None  # noqa: S101 - made by the only caller
        names = Metadata[Targets].from_bytes((folder / "targets.json").read_bytes()).signed.targets
        for name in sorted(names):
            target = self._updater.get_targetinfo(name)
            if target is None or not name.endswith(BUNDLE_SUFFIX):
                continue
            custom = target.unrecognized_fields.get("custom", {})
            try:
                yield parse_release(name, target.length, target.hashes.get("sha256", ""), custom.get(CUSTOM_KEY))
            except UntrustedInput as error:
                if error.reason is not Reason.UNSUPPORTED_VERSION:
                    raise Refused(Refusal.MALFORMED, str(error)) from error

    def _index(self, release: Release) -> bytes:
        assert self._updater is not None  # noqa: S101 - a release is known from `releases` only
        target = self._updater.get_targetinfo(release.index)
        if target is None:
            raise Refused(Refusal.MALFORMED, f"The release {release.version} names an index that is not listed.")
        path = self._settings.folder / "bundle.blocks"
        try:
            self._updater.download_target(target, str(path))
        except LengthOrHashMismatchError as error:
            raise Refused(Refusal.TAMPERED, f"{release.index} is not the listed file.") from error
        except DownloadError as error:
            raise _download_refused(error) from error
        return path.read_bytes()

    def _target_url(self, path: str, digest: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{self._url}/targets/{folder}/{digest}.{name}"


class _Fetcher(FetcherInterface):
    """Remembers which role's metadata was asked for last: it is the one that an error is about."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.role = "root"

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rsplit("/", 1)[-1].removesuffix(".json").rsplit(".", 1)[-1]
        self.role = name if name in _UNSIGNED else self.role
        try:
            yield from (piece for _, piece in self._web.get(url, 2**40))
        except NoSuchFile as missing:
            raise DownloadHTTPError(f"{url} is not there", missing.status) from missing


def _timestamp_version(folder: Path) -> int | None:
    with suppress(OSError, DeserializationError, RepositoryError):
        return Metadata[Timestamp].from_bytes((folder / "timestamp.json").read_bytes()).signed.version
    return None


def _download_refused(error: DownloadError) -> Refused:
    if isinstance(error, DownloadLengthMismatchError):
        return Refused(Refusal.TOO_LONG, "The repository gives more bytes than are listed.")
    return Refused(Refusal.BAD_ANSWER, f"The repository lacks what it must have: {error}.")


def _metadata_refused(error: Exception, role: str, *, frozen: bool) -> Refused:
    """`role` was the last to be asked for."""
    match error:
        case ExpiredMetadataError():
            refusal = Refusal.FROZEN if frozen else Refusal.EXPIRED
        case UnsignedMetadataError():
            refusal = _UNSIGNED[role]
        case LengthOrHashMismatchError():
            refusal = Refusal.MIXED
        case BadVersionNumberError():
            refusal = Refusal.MIXED if role == "targets" else Refusal.ROLLED_BACK
        case _:
            refusal = Refusal.MALFORMED
    return Refused(refusal, f"The repository's {role} metadata is refused: {error}.")
