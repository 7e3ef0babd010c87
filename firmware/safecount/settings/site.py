"""What provisioning writes into site.toml once the device belongs to somebody."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safecount.counting.aggregator import Level
from safecount.counting.values import LineSettings
from safecount.errors import UsageError
from safecount.settings.table import parse, read_table
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.values import DEVICE_MAX_BYTES, TEXT_MAX_BYTES, Profile


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Whose the device is, where it stands and what it counts.

    `device` is its name in envelopes and certificates, `collector` the one host it calls ("https://host" or
    "https://host:port"), `zone` an IANA time zone. The doors are those that the lines name. `silhouettes` is the most that
    the set-up page may show (docs/setup-page.md).
    """

    device: str
    site: str
    zone: str
    collector: str
    line: tuple[LineSettings, ...]
    profile: Literal["strict", "standard", "accurate"] = "standard"
    exits: bool = False
    silhouettes: Literal["outlines", "coarse", "scene", "paths"] = "outlines"

    def __post_init__(self) -> None:
        texts = [(self.device, DEVICE_MAX_BYTES), *((text, TEXT_MAX_BYTES) for text in (self.site, *self.doors))]
        for text, longest in texts:
            if not (1 <= len(text.encode()) <= longest and text.isprintable()):
                raise ValueError(f"{text!r} is not a name of 1 to {longest} printable bytes.")
        if not self.line:
            raise ValueError("there must be at least one [[line]].")
        if not self.collector.startswith("https://"):
            raise ValueError(f"the collector {self.collector!r} is not an https:// address.")
        if not knows_zone(self.zone):
            raise ValueError(f"there is no time zone {self.zone!r}.")

    @property
    def doors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.door for line in self.line))

    @property
    def silhouette_level(self) -> SilhouetteLevel:
        return SilhouetteLevel[self.silhouettes.upper()]

    @property
    def level(self) -> Level:
        return Level(Profile[self.profile.upper()], self.exits)


def knows_zone(name: str) -> bool:
    """Whether this device has the time zone of that IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def read_site(path: Path) -> SiteSettings | None:
    """Read what provisioning wrote; None while the device belongs to no site.

    Raises:
        UsageError: the file is there and cannot be used; the text says why.
    """
    try:
        return parse(read_table(path), SiteSettings, str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"The site file {path} cannot be read: {error.strerror}.") from error
