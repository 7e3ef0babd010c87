"""The update process: asks for releases, lets RAUC install them, starts the trial at its hour, and judges it.

It has the network and its own folder; no camera, no keys, and no right to write a slot or to restart: RAUC's service and
a root unit do that when asked, and the firmware takes back whatever does not start.
"""

import random
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from safecount import __version__
from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.device_vitals import DeviceVitals
from safecount.edges.journal import Event, tell
from safecount.edges.rauc import RaucSlots, SlotSettings
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.edges.update_memory import UpdateMemoryFile
from safecount.errors import SafecountError, UsageError
from safecount.settings import Settings, SiteSettings, read_settings, read_site
from safecount.updating.ports import ClockReading, Repository
from safecount.updating.rounds import Rounds, World
from safecount.updating.update_policy import first_ask, next_ask
from safecount.updating.update_settings import UpdateSettings
from safecount.wire.release import Version
from safecount.wire.update_state import UpdateState

LOOK_EVERY_S = 5.0
GOING_DOWN_S = 600.0
"""How long a restart that was asked for may take before the process starts anew to see what became of it."""


def run(settings_file: Path) -> None:
    """Keep the device up to date until asked to stop.

    Raises:
        SafecountError: the settings cannot be used, or this image has no root of trust or no board.
    """
    settings = read_settings(settings_file)
    manager = ServiceManager.of_environment()
    with StopRequest() as stop:
        rounds = Rounds(settings.update, world_of(settings))
        manager.ready()
        _UpdateProcess(settings, rounds, manager, stop).run()
        manager.stopping()


def world_of(settings: Settings) -> World:
    """The real ports."""
    site = _site(settings)
    return World(
        open_repository=lambda: _repository(settings.update, settings.folders.update),
        slots=RaucSlots(
            SlotSettings(
                board=_board(Path(settings.update.board_file)),
                version=Version.parse(__version__),
                device_name=site.device if site else "",
                autoboot=Path(settings.update.autoboot_file),
                keyring=Path(settings.update.keyring_file),
                restart_file=Path(settings.folders.run, "update", "restart"),
                state=Path(settings.folders.state),
            )
        ),
        store=UpdateMemoryFile(settings.folders.update),
        vitals=DeviceVitals(Path(settings.folders.state), settings.folders.vitals_file, owned=site is not None),
        clock=_DeviceClock(settings, site),
    )


def _repository(settings: UpdateSettings, folder: Path) -> Repository:
    from safecount.edges.bundle_download import Source  # noqa: PLC0415 - loaded once there is a question
    from safecount.edges.tuf_client import RepositorySettings, TufRepository  # noqa: PLC0415
    from safecount.edges.web import Web  # noqa: PLC0415

    return TufRepository(
        RepositorySettings(
            url=settings.repository,
            folder=folder,
            root_file=Path(settings.root_file),
            sources=[Source(Path(source)) for source in settings.sources],
            limit_bytes=settings.metered_limit_bytes if settings.metered else None,
        ),
        Web(settings.ca_file),
    )


class _UpdateProcess:
    """Remembers when to ask next, and since when a trial is watched."""

    def __init__(self, settings: Settings, rounds: Rounds, manager: ServiceManager, stop: StopRequest) -> None:
        self._settings = settings.update
        self._rounds = rounds
        self._manager = manager
        self._stop = stop
        self._draw = random.SystemRandom().uniform

    def run(self) -> None:
        self._rounds.start()
        began_s = time.monotonic()
        while self._rounds.checking and not self._stop.wait(LOOK_EVERY_S):
            self._manager.alive()
            self._rounds.watch(time.monotonic() - began_s)
        due_s = first_ask(self._settings, time.monotonic(), self._draw)
        asks = self._may_ask()
        while not self._rounds.leaving and not self._stop.wait(min(LOOK_EVERY_S, self._settings.ask_every_s)):
            self._manager.alive()
            if asks and time.monotonic() >= due_s:
                self._ask()
                due_s = next_ask(self._settings, time.monotonic(), self._draw)
            self._rounds.start_trial_if_due()
        if self._rounds.leaving:
            tell(Event.UPDATE_RESTARTS)
            self._stop.wait(GOING_DOWN_S)

    def _may_ask(self) -> bool:
        """Without an address, or without what releases are believed by, there is nothing to ask."""
        trusts = Path(self._settings.root_file).exists() and Path(self._settings.keyring_file).exists()
        if self._settings.repository and not trusts:
            tell(Event.UPDATE_NO_TRUST)
        return bool(self._settings.repository) and trusts

    def _ask(self) -> None:
        if self._rounds.ask().state is UpdateState.REFUSED:
            tell(Event.UPDATE_REFUSED)


class _DeviceClock:
    """Implements `updating.ports.Clock`. The floor is the later of the image's date and the site's."""

    def __init__(self, settings: Settings, site: SiteSettings | None) -> None:
        floor_s = file_date_s(Path(settings.clock.floor_file))
        if site is not None:
            floor_s = max(floor_s, file_date_s(settings.folders.site_file))
        self._clock = SystemClock(floor_s, Path(settings.clock.synchronized_file))
        self._zone = ZoneInfo(site.zone) if site else None

    def read(self) -> ClockReading:
        now = self._clock.now()
        local = datetime.fromtimestamp(now.utc_s, self._zone or ZoneInfo("UTC"))
        return ClockReading(now.utc_s, self._clock.floor_s, now.clock, local.hour * 60 + local.minute)


def _site(settings: Settings) -> SiteSettings | None:
    try:
        return read_site(settings.folders.site_file)
    except UsageError:
        tell(Event.SITE_UNREADABLE)
        return None


def _board(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SafecountError(f"{path} does not name this image's board; only an image can be updated.") from error
