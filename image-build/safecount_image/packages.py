"""Debian packages: which ones a board is made of (the lock), and their files (the pool), each known by its sha256.

The lock is the whole closed set, so a build asks the archive for those files and decides nothing. A file that was fetched
once is kept in the pool; one that the archive no longer serves and the pool lacks stops the build.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from safecount_image.board import Board, Vendor
from safecount_image.errors import BuildError
from safecount_image.mirror import Mirror, VendorArchive, find_mirror, find_vendor
from safecount_image.toolbox import SUITE, Toolbox, cache_folder

ARCHITECTURE = "arm64"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One file of an archive. `place` is `root` (installed), `overlay` (unpacked over it), `kernel` or `firmware` (unpacked for
    the boot partition).
    """

    place: str
    name: str
    version: str
    architecture: str
    sha256: str
    filename: str

    @property
    def file(self) -> Path:
        return Path(self.filename)


class GoneError(BuildError):
    """The archive no longer serves what the lock names."""


class Archive:
    """The arm64 archives as apt sees them, in a folder of their own; nothing of the machine's own apt state is touched."""

    def __init__(
        self,
        toolbox: Toolbox,
        mirror: Mirror,
        folder: Path,
        vendor: Vendor | None = None,
        vendor_archive: VendorArchive | None = None,
        *,
        with_sources: bool = False,
    ) -> None:
        self._toolbox = toolbox
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial", "sources", "debs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "sources/debian.sources").write_text(
            mirror.sources(SUITE, ARCHITECTURE, "deb deb-src" if with_sources else "deb")
        )
        (folder / "preferences").write_text("")
        (folder / "sources/vendor.sources").unlink(missing_ok=True)
        if vendor and vendor_archive:
            key = folder / f"vendor-key{vendor_archive.key.suffix}"
            shutil.copy(vendor_archive.key, key)
            (folder / "sources/vendor.sources").write_text(vendor_archive.sources(SUITE, ARCHITECTURE, key))
            (folder / "preferences").write_text(preferences(vendor))
        (folder / "status").write_text("")
        settings = [
            f'APT::Architecture "{ARCHITECTURE}";',
            f'APT::Architectures {{ "{ARCHITECTURE}"; }};',
            'APT::Install-Recommends "false";',
            'APT::Sandbox::User "root";',
            'Acquire::Languages "none";',
            f'Dir::State "{folder}";',
            f'Dir::State::status "{folder}/status";',
            f'Dir::State::Lists "{folder}/lists";',
            f'Dir::Cache "{folder}/cache";',
            'Dir::Etc::SourceList "/dev/null";',
            f'Dir::Etc::SourceParts "{folder}/sources";',
            f'Dir::Etc::Preferences "{folder}/preferences";',
            'Dir::Etc::PreferencesParts "/dev/null";',
            *mirror.apt_settings,
        ]
        (folder / "apt.conf").write_text("\n".join(settings) + "\n")

    def update(self) -> None:
        self._apt("apt-get", "update", "--error-on=any")

    def resolve(self, board: Board) -> list[Package]:
        """The closed set of a board, as apt would install it on an empty disk. Sorted."""
        listed = self._apt("apt-get", "-y", "--print-uris", "install", "?essential", "base-files", *board.packages)
        files = re.findall(r"^'[^']+' (\S+)_[^_\s]+_[^_\s]+\.deb \d+", listed, re.MULTILINE)
        versions = dict(re.findall(r"^'[^']+' (\S+?)_(\S+)_[^_\s]+\.deb \d+", listed, re.MULTILINE))
        index = self.index()
        found = [self._pick("root", name, versions[name].replace("%3a", ":"), index) for name in files]
        found += [self._kernel(kernel.package, index) for kernel in board.kernels]
        found += [self._newest("overlay", name, index) for name in board.overlaid]
        found += [self._newest("firmware", board.boot.firmware, index)] if board.boot.firmware else []
        return sorted(found)

    def index(self) -> dict[tuple[str, str], dict[str, str]]:
        """Every package of the archive by name and version, as its lists tell it."""
        index: dict[tuple[str, str], dict[str, str]] = {}
        for file in sorted((self._folder / "lists").glob("*_Packages")):
            for fields_ in _stanzas(file.read_text(encoding="utf-8")):
                index.setdefault((fields_["Package"], fields_["Version"]), fields_)
        return index

    def fetch(self, packages: Iterable[Package], into: Path) -> None:
        """Put the files into the pool folder by apt's own client.

        Raises:
            GoneError: names every package that the archive does not serve in just this version and content.
        """
        wanted = list(packages)
        served = {fields_["SHA256"] for fields_ in self.index().values()}
        if gone := [p for p in wanted if p.sha256 not in served]:
            names = "\n  ".join(f"{p.name} {p.version}" for p in gone)
            raise GoneError(
                f"The archive no longer serves {len(gone)} of the packages that the lock names:\n  {names}\n"
                "Renew the lock with make lock-image."
            )
        debs = self._folder / "debs"
        for start in range(0, len(wanted), 40):
            some = wanted[start : start + 40]
            self._apt(
                "sh",
                "-c",
                'cd "$0" && exec apt-get -q download "$@"',
                str(debs),
                *(f"{p.name}={p.version}" for p in some),
            )
        by_hash = {digest(file): file for file in debs.glob("*.deb")}
        for package in wanted:
            if package.sha256 not in by_hash:
                raise BuildError(
                    f"What apt fetched for {package.name} {package.version} is not the file that the lock names."
                )
            shutil.move(by_hash[package.sha256], into / f"{package.sha256}.deb")

    def fetch_sources(self, wanted: Iterable[tuple[str, str]], into: Path) -> None:
        """Put the source packages (name, version) into a folder by apt's own client, which checks them."""
        names = [f"{name}={version}" for name, version in wanted]
        for start in range(0, len(names), 40):
            line = 'cd "$0" && exec apt-get -q source --download-only --only-source "$@"'
            self._toolbox.run(
                "sh", "-c", line, into, *names[start : start + 40],
                writable=[self._folder, into], environment={"APT_CONFIG": f"{self._folder}/apt.conf"},
            )  # fmt: skip

    def _kernel(self, name: str, index: dict[tuple[str, str], dict[str, str]]) -> Package:
        """The package with the kernel's files that a metapackage stands for, as apt would choose it."""
        meta = self._newest("kernel", name, index)
        needs = index[(meta.name, meta.version)].get("Depends", "")
        real = re.search(r"(linux-image-\d\S*) \(= (\S+)\)", needs)
        return self._pick("kernel", real[1], real[2], index) if real else meta

    def _newest(self, place: str, name: str, index: dict[tuple[str, str], dict[str, str]]) -> Package:
        policy = self._apt("apt-cache", "policy", name)
        candidate = re.search(r"Candidate: (\S+)", policy)
        if not candidate or candidate[1] == "(none)":
            raise BuildError(f"The archive has no package '{name}'.")
        return self._pick(place, name, candidate[1], index)

    def _pick(self, place: str, name: str, version: str, index: dict[tuple[str, str], dict[str, str]]) -> Package:
        found = index[(name, version)]
        return Package(place, name, version, found["Architecture"], found["SHA256"], found["Filename"])

    def _apt(self, *arguments: str) -> str:
        return self._toolbox.run(
            *arguments, writable=[self._folder], environment={"APT_CONFIG": f"{self._folder}/apt.conf"}
        )


def preferences(vendor: Vendor) -> str:
    """For apt: what is the maker's comes from the maker, and nothing else does."""
    by = f"Pin: release l={vendor.label}"
    return f"Package: {' '.join(vendor.packages)}\n{by}\nPin-Priority: 990\n\nPackage: *\n{by}\nPin-Priority: -1\n"


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        fields_: dict[str, str] = {}
        for line in block.splitlines():
            if not line.startswith((" ", "\t")):
                key, _, value = line.partition(": ")
                fields_[key] = value
        if fields_:
            yield fields_


def digest(file: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_lock(path: Path, packages: Iterable[Package]) -> None:
    """One line a package, tab-separated, sorted."""
    names = "\t".join(field.name for field in fields(Package))
    lines = ["\t".join(astuple(package)) for package in sorted(packages)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([names, *lines]) + "\n")


def read_lock(path: Path) -> list[Package]:
    """Raise BuildError where there is no lock or it is not one of ours."""
    try:
        lines = path.read_text().splitlines()
        return [Package(*line.split("\t")) for line in lines[1:]]
    except FileNotFoundError:
        raise BuildError(f"There is no lock file {path.name}; make one with make lock-image.") from None
    except TypeError:
        raise BuildError(f"The lock file {path} is damaged; renew it with make lock-image.") from None


def archive_of(board: Board, toolbox: Toolbox) -> Archive:
    """The archives of a board's packages; apt's state is kept in the cache. Raise BuildError where one is not known."""
    found = find_vendor(board.vendor.label) if board.vendor else None
    return Archive(toolbox, find_mirror(), cache_folder() / f"apt-{board.name}", board.vendor, found)


def fill_pool(board: Board, toolbox: Toolbox, packages: Iterable[Package]) -> Path:
    """Have every package's file in the pool, checked by its hash; return the pool's folder."""
    pool = cache_folder() / "pool"
    pool.mkdir(exist_ok=True)
    missing = []
    for package in packages:
        file = pool / f"{package.sha256}.deb"
        if file.exists() and digest(file) != package.sha256:
            file.unlink()
        if not file.exists():
            missing.append(package)
    if missing:
        archive = archive_of(board, toolbox)
        archive.update()
        archive.fetch(missing, pool)
    return pool


def unpack_all(toolbox: Toolbox, packages: Iterable[Package], place: str, pool: Path, into: Path) -> Path:
    """Unpack the packages of a place, none of whose scripts is run, into a new folder, and return that."""
    into.mkdir()
    for package in packages:
        if package.place == place:
            deb = pool / f"{package.sha256}.deb"
            toolbox.run("dpkg-deb", "--extract", deb, into, readable=[pool], writable=[into])
    return into
