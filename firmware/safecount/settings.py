"""Reads the settings file: TOML in, each stage's own frozen settings out.

The settings themselves, with their defaults and reasons, stand beside the stages that use them. Nothing is guessed
here: an unknown key, a value of another type or one that its stage refuses is an error that names the key and the file.
"""

import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safecount.counting.aggregator import Level
from safecount.counting.line_counter import LineCounterSettings
from safecount.counting.tracker import TrackerSettings
from safecount.counting.values import LineSettings
from safecount.delivery.health import HealthSettings
from safecount.delivery.upload_policy import UploadSettings
from safecount.edges.camera import CameraSettings
from safecount.edges.clip_camera import ClipSettings
from safecount.errors import UsageError
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.envelope import DEVICE_MAX_BYTES
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.setup_session import SESSION_LIMIT_S
from safecount.wire.site_code import PORT_MAX
from safecount.wire.values import TEXT_MAX_BYTES, Profile

T = TypeVar("T")

MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class EdgeTpuSettings:
    """What the Edge TPU's compiler made of the card's model: a file in the folder of models, and its sha256. `file` "": no
    stick is looked for. `library` is the stick's driver; one that takes longer than `hung_after_s` over a frame is given up.
    """

    file: str = ""
    sha256: str = ""
    library: str = "libedgetpu.so.1"
    hung_after_s: float = 2.0

    def __post_init__(self) -> None:
        if self.hung_after_s <= 0:
            raise ValueError("hung_after_s must be above 0.")
        if self.file and (len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef")):
            raise ValueError("a file must come with its sha256, 64 hexadecimal digits.")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which detector runs: the name of its card, the folder of its file, and how many threads it may have.

    `card` "" takes the default of the cards that ship. `threads` 0 leaves one core of the board free.
    """

    card: str = ""
    folder: str = "/usr/share/safecount/models"
    threads: int = 0
    edge_tpu: EdgeTpuSettings = field(default_factory=EdgeTpuSettings)


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Where a device keeps what it has: `state` is the data partition, `run` a folder in memory for sockets."""

    state: str = "/var/lib/safecount"
    run: str = "/run/safecount"

    @property
    def seal(self) -> Path:
        return Path(self.state, "seal")

    @property
    def spool_file(self) -> Path:
        return Path(self.state, "spool", "spool.db")

    @property
    def uplink(self) -> Path:
        return Path(self.state, "uplink")

    @property
    def site_file(self) -> Path:
        return Path(self.state, "site", "site.toml")

    @property
    def update(self) -> Path:
        return Path(self.state, "update")

    @property
    def provision(self) -> Path:
        return Path(self.state, "provision")

    @property
    def wifi(self) -> Path:
        return Path(self.state, "wifi")

    @property
    def session_file(self) -> Path:
        return Path(self.run, "session", "session")

    @property
    def enrolment_file(self) -> Path:
        """Where an enrolment stands, for the lamp."""
        return Path(self.run, "session", "enrolment")

    @property
    def scene_socket(self) -> Path:
        return Path(self.run, "scene", "scene.sock")

    @property
    def proposal_file(self) -> Path:
        return Path(self.run, "setup", "proposal")

    @property
    def certify_file(self) -> Path:
        """What the set-up page would have signed."""
        return Path(self.run, "setup", "validation")

    @property
    def certificate_file(self) -> Path:
        return Path(self.run, "certificate", "validation.cose")

    @property
    def device_key_file(self) -> Path:
        """The public half of the envelope key, for people to compare."""
        return Path(self.run, "certificate", "device.pub")

    @property
    def vitals_file(self) -> Path:
        return Path(self.run, "vitals", "counting")

    @property
    def record_socket(self) -> Path:
        return Path(self.run, "seal", "record.sock")


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Where the clock is told of: a file whose date has passed (that of the image), and one that appears when a time
    server has been heard (systemd-timesyncd.service(8)).
    """

    floor_file: str = "/usr/lib/clock-epoch"
    synchronized_file: str = "/run/systemd/timesync/synchronized"


@dataclass(frozen=True, slots=True)
class LampSettings:
    """The folder in which the kernel gives the lamp on the board, such as /sys/class/leds/ACT; "" for none."""

    folder: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionSettings:
    """Where a site code comes from: a file on the card's first partition, and a serial port ("" for none). `button` is the
    input device of the button that opens the set-up page ("" for none). `retry_s` is the wait after an attempt that came
    to nothing.
    """

    boot_file: str = "/boot/firmware/safecount-site.txt"
    serial_port: str = ""
    button: str = ""
    retry_s: float = 30.0

    def __post_init__(self) -> None:
        if self.retry_s <= 0:
            raise ValueError("retry_s must be above 0.")


@dataclass(frozen=True, slots=True)
class SetupSettings:
    """Where the set-up page is opened: on one address of one network interface, that of the USB cable; `interface` ""
    where the address is the machine's own. `minutes` is how long, at most 30.
    """

    interface: str = "usb0"
    address: str = "10.55.0.1"
    port: int = 8080
    minutes: int = 30

    def __post_init__(self) -> None:
        if not (1 <= self.minutes <= SESSION_LIMIT_S // 60 and 0 <= self.port <= PORT_MAX):
            raise ValueError(f"minutes must lie within 1 and {SESSION_LIMIT_S // 60}, port within 0 and {PORT_MAX}.")
        try:
            IPv4Address(self.address)
        except ValueError as error:
            raise ValueError(f"address {self.address!r} is no IPv4 address.") from error


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


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What provisioning writes into site.toml once the device belongs to somebody.

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
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.zone!r}.") from error

    @property
    def doors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.door for line in self.line))

    @property
    def silhouette_level(self) -> SilhouetteLevel:
        return SilhouetteLevel[self.silhouettes.upper()]

    @property
    def level(self) -> Level:
        return Level(Profile[self.profile.upper()], self.exits)


def read_settings(path: Path) -> Settings:
    """Read the settings file.

    Raises:
        UsageError: no such file, no TOML, an unknown key, or a value that its stage refuses; the text names which.
    """
    try:
        return parse(_read_table(path), Settings, str(path))
    except OSError as error:
        raise UsageError(
            f"The settings file {path} cannot be read ({error.strerror}); name another with --settings."
        ) from error


def read_site(path: Path) -> SiteSettings | None:
    """Read what provisioning wrote; None while the device belongs to no site.

    Raises:
        UsageError: the file is there and cannot be used; the text says why.
    """
    try:
        return parse(_read_table(path), SiteSettings, str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"The site file {path} cannot be read: {error.strerror}.") from error


def _read_table(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise UsageError(f"The file {path} is over {MAX_FILE_BYTES // 1024} KiB: that is not a settings file of ours.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {path} is not valid TOML: {error}.") from error


def parse(table: Mapping[str, object], into: type[T], where: str) -> T:
    """Make a frozen settings dataclass of a TOML table.

    Args:
        table: keys and values as `tomllib` gives them.
        into: the dataclass; its field types decide what is accepted (str, int, float, bool, Literal, tuples or
            dataclasses).
        where: names the table in error texts.

    Raises:
        UsageError: an unknown or missing key, a value of another type, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(into)
    known = {f.name: f for f in fields(into)}  # type: ignore[arg-type]  # T is a dataclass by contract
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it knows {', '.join(sorted(known))}."
            raise UsageError(f"{where} has the unknown key '{key}'{hint}")
    missing = [n for n, f in known.items() if n not in table and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise UsageError(f"{where} lacks '{missing[0]}'.")
    values = {key: _value(value, hints[key], f"{where}: {key}") for key, value in table.items()}
    try:
        return into(**values)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _value(value: object, hint: Any, where: str) -> object:  # noqa: ANN401 - a type hint is any object
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise UsageError(f"{where} is {value!r}, but may only be one of {', '.join(map(repr, choices))}.")
        return value
    if origin in (typing.Union, types.UnionType):  # only "X | None" occurs, and TOML has no null
        return _value(value, next(arm for arm in typing.get_args(hint) if arm is not type(None)), where)
    if origin is tuple:
        return _tuple(value, typing.get_args(hint), where)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise UsageError(f"{where} must be a table.")
        return parse(value, hint, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UsageError(f"{where} is {value!r}, but must be of type {hint.__name__}.")
    return value


def _tuple(value: object, arms: tuple[Any, ...], where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{where} must be a list.")
    if len(arms) == 2 and arms[1] is Ellipsis:
        return tuple(_value(item, arms[0], f"{where} {n}") for n, item in enumerate(value, 1))
    if len(value) != len(arms):
        raise UsageError(f"{where} has {len(value)} values, but needs {len(arms)}.")
    return tuple(_value(item, arm, f"{where} {n}") for n, (item, arm) in enumerate(zip(value, arms, strict=True), 1))
