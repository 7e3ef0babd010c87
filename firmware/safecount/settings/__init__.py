"""Reads the settings file: TOML in, each stage's own frozen settings out.

The settings themselves, with their defaults and reasons, stand beside the stages that use them; here are those that
belong to no one stage: the folders, and the site. Nothing is guessed: an unknown key, a value of another type or one
that its stage refuses is an error that names the key and the file.
"""

from dataclasses import dataclass, field
from pathlib import Path

from safecount.counting.counting_settings import LineCounterSettings, TrackerSettings
from safecount.counting.values import LineSettings
from safecount.delivery.delivery_settings import HealthSettings, UploadSettings
from safecount.edges.camera_settings import CameraSettings
from safecount.edges.clip_camera import ClipSettings
from safecount.edges.clock import ClockSettings
from safecount.edges.lamp import LampSettings
from safecount.edges.model_settings import ModelSettings
from safecount.errors import UsageError
from safecount.provisioning.provision_settings import ProvisionSettings
from safecount.setting_up.setup_settings import SetupSettings
from safecount.settings.folders import FolderSettings
from safecount.settings.site import SiteSettings, knows_zone, read_site
from safecount.settings.table import parse, read_table
from safecount.updating.update_settings import UpdateSettings

__all__ = ["FolderSettings", "Settings", "SiteSettings", "knows_zone", "parse", "read_settings", "read_site"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the settings file of a device may say. Every table may be left out but `[[line]]`, the lines that
    are counted before the device belongs to a site.
    """

    line: tuple[LineSettings, ...]
    camera: CameraSettings = field(default_factory=CameraSettings)
    clip: ClipSettings = field(default_factory=ClipSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    counter: LineCounterSettings = field(default_factory=LineCounterSettings)
    folders: FolderSettings = field(default_factory=FolderSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    lamp: LampSettings = field(default_factory=LampSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    upload: UploadSettings = field(default_factory=UploadSettings)
    update: UpdateSettings = field(default_factory=UpdateSettings)
    provision: ProvisionSettings = field(default_factory=ProvisionSettings)
    setup: SetupSettings = field(default_factory=SetupSettings)


def read_settings(path: Path) -> Settings:
    """Read the settings file.

    Raises:
        UsageError: no such file, no TOML, an unknown key, or a value that its stage refuses; the text names which.
    """
    try:
        return parse(read_table(path), Settings, str(path))
    except OSError as error:
        raise UsageError(
            f"The settings file {path} cannot be read ({error.strerror}); name another with --settings."
        ) from error
