"""What a collector's folder holds, and `collector.toml` in it, read into frozen settings. An unknown key is an error."""

import tomllib
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TypeVar

from safecount.errors import UsageError

SETTINGS_FILE = "collector.toml"

Table = TypeVar("Table", "DevicePort", "PeoplePort", "Limits", "Login", "Rollout", "Retention", "SecurityTxt", "Where")


@dataclass(frozen=True, slots=True)
class DevicePort:
    """Where devices come to: mutual TLS 1.3. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8443


@dataclass(frozen=True, slots=True)
class PeoplePort:
    """Where the controller comes to: the pull API."""

    host: str = "127.0.0.1"
    port: int = 8444


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process. What goes over one is told to come again; nothing that was stored is harmed.

    `requests`: in work at once on a port; of those without a device's certificate, half as many beside them.
    `connections`: open at once on a port. `at_once`: requests in work of one device or address. `device_per_minute` and
    `device_burst`: requests of one device. `address_per_minute`, `address_burst`: of an address without a certificate.
    `body_s`: how long a request's head, and then its body, may take. `offences`: how many bad requests within ten minutes
    exclude their sender. `exclusion_s`: for how long the first time; each further time within a day twice as long.
    """

    requests: int = 32
    connections: int = 2000
    at_once: int = 4
    device_per_minute: int = 120
    device_burst: int = 120
    address_per_minute: int = 3000
    address_burst: int = 1000
    body_s: int = 20
    offences: int = 30
    exclusion_s: int = 900

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < 1:
                raise UsageError(f"The limit {one.name} must be at least 1.")


@dataclass(frozen=True, slots=True)
class Login:
    """How people prove who they are. `pam_service`: the file in /etc/pam.d that tells how passwords are checked."""

    pam_service: str = "safecount-collector"


@dataclass(frozen=True, slots=True)
class Rollout:
    """When to stop a roll-out: `least` devices fell back, and of those that tried at least `stop_percent` in a hundred.

    `hook`: a program that is then run with the path of the stop file; empty: none. `look_s`: how often to look.
    """

    stop_percent: int = 20
    least: int = 3
    look_s: int = 60
    hook: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long envelopes stay: `days` after they came, if a controller has fetched them; 0: for good.

    More than a year, so that nothing is removed that a device may still send once more. `look_s`: how often to look.
    """

    days: int = 400
    look_s: int = 21_600


@dataclass(frozen=True, slots=True)
class SecurityTxt:
    """Whom to tell of a weakness (RFC 9116), for whoever looks at `/.well-known/security.txt`. No contact: no such file.

    `contact`, `policy`, `canonical`: addresses; `expires`: the day (2027-06-30) until which this can be relied on, at most
    a year away; `languages`: as in "en, de".
    """

    contact: str = ""
    expires: str = ""
    languages: str = "en"
    canonical: str = ""
    policy: str = ""

    def __post_init__(self) -> None:
        if not self.contact:
            return
        if not self.contact.startswith(("mailto:", "https://", "tel:")):
            raise UsageError("[security] contact must begin with mailto:, https:// or tel:.")
        if not all(one.startswith("https://") for one in (self.canonical, self.policy) if one):
            raise UsageError("[security] canonical and policy must begin with https://.")
        if not all(one.isprintable() for one in (self.contact, self.languages, self.canonical, self.policy)):
            raise UsageError("[security] takes one line each.")
        try:
            date.fromisoformat(self.expires)
        except ValueError as error:
            raise UsageError(
                "[security] expires must be a day, as in 2027-06-30: until then the contact holds."
            ) from error


@dataclass(frozen=True, slots=True)
class Where:
    """Where the database is: `url` is that of PostgreSQL, `postgresql://user@host/name`; empty: SQLite in the folder."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """The folder and what its `collector.toml` says."""

    folder: Path
    devices: DevicePort = field(default_factory=DevicePort)
    people: PeoplePort = field(default_factory=PeoplePort)
    limits: Limits = field(default_factory=Limits)
    login: Login = field(default_factory=Login)
    rollout: Rollout = field(default_factory=Rollout)
    retention: Retention = field(default_factory=Retention)
    security: SecurityTxt = field(default_factory=SecurityTxt)
    where: Where = field(default_factory=Where)

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def database(self) -> Path | str:
        """The file of SQLite, or the address of PostgreSQL."""
        return self.where.url or self.folder / "collector.db"


def read_settings(folder: Path) -> CollectorSettings:
    """The settings of an initialised folder; UsageError for anything that is wrong with them."""
    path = folder / SETTINGS_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is no collector's folder ({SETTINGS_FILE} is missing); make one with: "
            f"safecount-ops collector init {folder}"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The settings in {path} cannot be read: {error}.") from error
    if unknown := content.keys() - {
        "devices",
        "people",
        "limits",
        "login",
        "rollout",
        "retention",
        "security",
        "database",
    }:
        raise UsageError(f"{path} has an unknown table: {min(unknown)}.")
    return CollectorSettings(
        folder.absolute(),
        _table(content, "devices", DevicePort, path),
        _table(content, "people", PeoplePort, path),
        _table(content, "limits", Limits, path),
        _table(content, "login", Login, path),
        _table(content, "rollout", Rollout, path),
        _table(content, "retention", Retention, path),
        _table(content, "security", SecurityTxt, path),
        _table(content, "database", Where, path),
    )


def _table(content: dict[str, object], name: str, kind: type[Table], path: Path) -> Table:
    given = content.get(name, {})
    if not isinstance(given, dict):
        raise UsageError(f"{path}: {name} must be a table.")
    types = {one.name: type(one.default) for one in fields(kind)}
    for key, value in given.items():
        if key not in types:
            raise UsageError(f"{path}: [{name}] has an unknown key: {key}.")
        if type(value) is not types[key] or (isinstance(value, int) and value < 0):
            raise UsageError(f"{path}: [{name}] {key} must be a {'text' if types[key] is str else 'whole number'}.")
    return kind(**given)


def settings_text(devices: DevicePort, people: PeoplePort, database: str = "") -> str:
    """A `collector.toml` to begin with."""
    where = f'\n[database]\nurl = "{database}"\n' if database else ""
    return f"""# Settings of this collector; docs/collector.md tells what there is.
[devices]  # where devices come to, with their certificates
host = "{devices.host}"
port = {devices.port}

[people]  # where the controller comes to
host = "{people.host}"
port = {people.port}
{where}"""
