"""Finds an asset by its hash: in the folders of SAFECOUNT_ASSETS, in the cache, then from its sources.

The rule: a file is what its sha256 says it is, wherever it comes from. The cache holds only what was checked before it
was put there, and is checked again when it is read.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from safecount.errors import SafecountError
from safecount_ops.assets.catalogue import Asset, Source, named
from safecount_ops.assets.progress import download_bar
from safecount_ops.assets.sources import Progress, SourceFailed, about_bytes, fetch

FOLDERS_VARIABLE = "SAFECOUNT_ASSETS"

Bar: TypeAlias = Callable[[str, int], AbstractContextManager[Progress]]
"""Makes a progress display of a text and the bytes that are to come."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where an asset lies, and in a word how it came there: "folder", "cache" or the source it was fetched from."""

    path: Path
    how: str


class AssetError(SafecountError):
    """An asset that could not be had from any of its sources."""


def find_asset(name: str) -> Path:
    """The path of an asset, fetched if need be.

    Raises:
        UsageError: no asset has that name.
        AssetError: no source has it; the text names those tried and why each failed.
    """
    return get(named(name)).path


def get(asset: Asset, bar: Bar = download_bar) -> Found:
    """Where the asset lies, fetched if need be. Raises AssetError as `find_asset` does."""
    found, failures = look(asset)
    if found is not None:
        return found
    for source in asset.sources:
        try:
            with bar(f"{asset.name} from {source}", about_bytes(asset, source)) as progress:
                return Found(_into_cache(asset, source, progress), str(source))
        except SourceFailed as error:
            failures.append(f"{source}: {error}")
    if not asset.sources:
        failures.append("no registry or address has it")
    tried = "; ".join(failures)
    raise AssetError(
        f"{asset.file} could not be had. Tried: {tried}. "
        f"Put the file into a folder and name the folder in {FOLDERS_VARIABLE}."
    )


def look(asset: Asset) -> tuple[Found | None, list[str]]:
    """Look in the folders and in the cache, without fetching. Returns what was found, else why not, place by place."""
    failures: list[str] = []
    for folder in asset_folders():
        if not folder.is_dir():
            failures.append(f"{FOLDERS_VARIABLE} {folder}: no such folder")
            continue
        other: Path | None = None
        for path in _named_so(folder, asset.file):
            if _hash(path) == asset.sha256:
                return Found(path, "folder"), []
            other = path
        failures.append(
            f"{FOLDERS_VARIABLE} {folder}: "
            + (f"{other.name} is another file (wrong sha256)" if other else "not in it")
        )
    if not asset_folders():
        failures.append(f"{FOLDERS_VARIABLE}: not set")
    cached = cache_folder() / asset.file
    if cached.exists() and _hash(cached) == asset.sha256:
        return Found(cached, "cache"), []
    failures.append("cache: " + ("damaged" if cached.exists() else "not in it"))
    return None, failures


def asset_folders() -> list[Path]:
    """The folders of SAFECOUNT_ASSETS, in their order."""
    return [Path(entry) for entry in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if entry]


def cache_folder() -> Path:
    """Where fetched assets are kept: $XDG_CACHE_HOME/safecount/assets, or ~/.cache/safecount/assets."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "safecount" / "assets"


def folder_hash(folder: Path) -> str:
    """The sha256, in hexadecimal, of a folder's manifest: what sha256sum prints over its files, sorted by path."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    manifest = "".join(f"{_hash(folder / name)}  {name}\n" for name in names)
    return hashlib.sha256(manifest.encode()).hexdigest()


def _hash(path: Path) -> str:
    if path.is_dir():
        return folder_hash(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named_so(folder: Path, name: str) -> Iterator[Path]:
    """Every file or folder of that name, however deep; the folder itself counts too."""
    if folder.name == name:
        yield folder
    for parent, folders, files in os.walk(folder):
        if name in folders or name in files:
            yield Path(parent) / name


def _into_cache(asset: Asset, source: Source, progress: Progress) -> Path:
    """Fetch into a temporary folder of the cache, check, then rename: the cache never holds half a file."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache) as folder:
            file = fetch(source, Path(folder), progress)
            got = _hash(file)
            if got != asset.sha256:
                raise SourceFailed(f"what came has the sha256 {got[:8]}… in place of {asset.sha256[:8]}…")
            return file.replace(cache / asset.file)
    except OSError as error:
        raise SourceFailed(f"the cache {cache} cannot be written ({error.strerror})") from error
