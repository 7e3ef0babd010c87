"""The controller's folder: what lies where in it. Only its owner may read it.

controller.toml   where the collector is
keys/             root.age, root.pub; reader-ID.age, reader-ID.pub for each reader key
keysets/          every keyset that was ever signed, by serial
archive.db        the envelopes as they came, append only
counts.db         what was opened, and how far
table/            site=SITE/DAY.parquet, made from counts.db
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from safecount.errors import UsageError

_SETTINGS = "controller.toml"
_MAX_SETTINGS_BYTES = 16 * 1024
_KNOWN = {"url", "ca_file", "token_file"}


@dataclass(frozen=True, slots=True)
class CollectorAddress:
    """Where to pull from ("https://host:port"), the CA that vouches for it, and the file with our token."""

    url: str
    ca_file: Path
    token_file: Path


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside the controller's folder."""

    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def keysets(self) -> Path:
        return self.folder / "keysets"

    @property
    def archive(self) -> Path:
        return self.folder / "archive.db"

    @property
    def counts(self) -> Path:
        return self.folder / "counts.db"

    @property
    def table(self) -> Path:
        return self.folder / "table"

    @property
    def written(self) -> Path:
        """Up to which number of the archive the table holds all; readers of Parquet leave such a name out."""
        return self.table / "_written_up_to"

    def collector(self) -> CollectorAddress:
        """The collector named in controller.toml; UsageError if there is none, or the file is not as it must be."""
        path = self.folder / _SETTINGS
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_SETTINGS_BYTES).decode("utf-8")
            table = tomllib.loads(text).get("collector", {})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"The settings {path} cannot be read: {error}.") from error
        if not isinstance(table, dict) or set(table) != _KNOWN or not all(isinstance(v, str) for v in table.values()):
            raise UsageError(
                f"The settings {path} need a table [collector] with {', '.join(sorted(_KNOWN))}: "
                "write it with `controller collector`."
            )
        return CollectorAddress(table["url"], self.folder / table["ca_file"], self.folder / table["token_file"])

    def write_collector(self, address: CollectorAddress) -> None:
        """Remember where the collector is."""
        lines = [
            "# Where `pull` and `keyset publish` go; paths are relative to this folder, or absolute.",
            "[collector]",
        ]
        lines += [
            f"{key} = {_toml_text(str(value))}"
            for key, value in (
                ("url", address.url),
                ("ca_file", address.ca_file.absolute()),
                ("token_file", address.token_file.absolute()),
            )
        ]
        write_private(self.folder / _SETTINGS, ("\n".join(lines) + "\n").encode())


def existing(folder: Path) -> Home:
    """The folder of a controller that was made before; UsageError otherwise."""
    home = Home(folder)
    if not home.keysets.is_dir():
        raise UsageError(f"There is no controller's folder {folder}; make one with `safecount-ops controller init`.")
    return home


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; UsageError where that cannot be done."""
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UsageError(f"The file {path} cannot be written: {error.strerror}.") from error


def make_folder(path: Path) -> None:
    """A folder that only its owner may enter; UsageError where it cannot be made."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {path} cannot be made: {error.strerror}.") from error


def _toml_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
