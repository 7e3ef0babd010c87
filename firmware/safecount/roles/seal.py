"""The seal process: takes records over the local socket, seals them for the controller, and puts them into the spool.

It has numbers and keys; no camera and no network. It listens only once the device belongs to somebody: without a
device's name, a signing key and a keyset there is nothing to seal with. A disk that takes nothing does not stop it: the
counting process keeps the message and tries again.
"""

import errno
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from safecount.counting.local_days import day_at, hour_at
from safecount.delivery.health import HealthLog
from safecount.delivery.lamp_pattern import pattern_of
from safecount.delivery.sealer import Sealer
from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.durable_file import remove_file
from safecount.edges.journal import Event, tell
from safecount.edges.lamp import Lamp
from safecount.edges.record_socket import RecordServer
from safecount.edges.seal_keys import KEYSET_FILE, take_keyset
from safecount.edges.small_file import WatchedFiles, read_small
from safecount.edges.spool_db import SpoolDb
from safecount.edges.spool_file import SpoolDamaged, SpoolError, path_set_aside, remove_spool, set_aside
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.roles.enrolment_lamp import pattern_left
from safecount.roles.notary import Notary
from safecount.roles.ownership import Ownership, ownership_files, read_ownership, read_signing_key
from safecount.roles.sealing import Sealing, trouble_of
from safecount.settings import Settings, SiteSettings, read_settings
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import MAX_KEYSET_BYTES
from safecount.wire.values import ClockQuality, LedgerRow, Node, Trouble

LOOK_EVERY_S = 0.5
RETRY_DISK_S = 2.0
RETRY_CLOCK_S = 1.0


def run(settings_file: Path) -> None:
    """Seal until asked to stop.

    Raises:
        SafecountError: the settings or the socket's folder cannot be used.
    """
    settings = read_settings(settings_file)
    manager = ServiceManager.of_environment()
    with StopRequest() as stop, Lamp(settings.lamp.folder) as lamp:
        manager.ready()
        _SealProcess(settings, manager, stop, lamp).run()
        manager.stopping()


class _SealProcess:
    """Remembers the health seen since the last health record, and when the next is due; all else is on the disk."""

    def __init__(self, settings: Settings, manager: ServiceManager, stop: StopRequest, lamp: Lamp) -> None:
        self._lamp = lamp
        self._settings = settings
        self._folders = settings.folders
        self._manager = manager
        self._stop = stop
        self._health = HealthLog(time.monotonic())
        self._health_due_s = time.monotonic() + settings.health.first_after_s
        self._clock = SystemClock(file_date_s(Path(settings.clock.floor_file)), Path(settings.clock.synchronized_file))
        self._owner_files = ownership_files(self._folders)
        self._offer = WatchedFiles(self._folders.uplink / KEYSET_FILE)

    def run(self) -> None:
        while not self._stop:
            self._owner_files.changed()
            self._forget_owner()
            owned, key = read_ownership(self._folders), read_signing_key(self._folders)
            if owned is None or key is None:
                self._wait_for_owner()
                continue
            self._clock.raise_floor(owned.since_s)
            spool = self._spool(owned)
            if spool is None:
                continue
            sealer = Sealer(owned.site.device, key, owned.keyset)
            try:
                with spool:
                    sealing = Sealing(owned, sealer, spool, self._clock, self._health, self._folders)
                    self._serve(owned, sealing, Notary(self._folders, owned.site, key))
            except SpoolDamaged:
                self._give_up_spool()
            except SpoolError as error:
                self._wait_for_disk(trouble_of(error))

    def _forget_owner(self) -> None:
        """Empty the spool if provisioning has reset the device; until that is done nothing is sealed for anybody."""
        marker = self._folders.forget_file
        while marker.exists() and not self._stop:
            try:
                remove_spool(self._folders.spool_file)
                for left in (self._folders.certificate_file, self._folders.device_key_file):
                    left.unlink(missing_ok=True)
                remove_file(marker)
                tell(Event.OWNER_FORGOTTEN)
            except OSError:
                self._wait_for_disk(Trouble.DISK_FAILING)

    def _wait_for_owner(self) -> None:
        while not (self._stop.wait(LOOK_EVERY_S) or self._owner_files.changed()):
            self._lamp.show(pattern_left(self._folders.enrolment_file))
            self._manager.alive()

    def _serve(self, owned: Ownership, sealing: Sealing, notary: Notary) -> None:
        """Seal for this owner until the device is given other keys or another site, or is to stop."""
        with RecordServer(self._folders.record_socket) as server:
            tell(Event.SEALING)
            while not self._stop and not self._owner_files.changed():
                self._manager.alive()
                server.serve_once(LOOK_EVERY_S, sealing.welcome, sealing.take)
                self._lamp.show(pattern_of(sealing.troubles_now()))
                notary.look()
                if self._offer.changed():
                    self._take_offer(owned)
                if time.monotonic() >= self._health_due_s:
                    told = sealing.tell_health()
                    self._health_due_s = time.monotonic() + (self._settings.health.every_s if told else RETRY_DISK_S)

    def _take_offer(self, owned: Ownership) -> None:
        """Take the keyset that the uplink has fetched, if it is the owner's and newer; `_serve` then ends."""
        try:
            offered = read_small(self._folders.uplink / KEYSET_FILE, MAX_KEYSET_BYTES)
            if offered is not None:
                take_keyset(self._folders.seal, offered, owned.keyset.serial)
                tell(Event.KEYSET_TAKEN)
        except UntrustedInput as error:
            if error.reason is not Reason.STALE:
                tell(Event.KEYSET_REFUSED)
        except OSError as error:
            self._health.disk_did(Trouble.DISK_FULL if error.errno == errno.ENOSPC else Trouble.DISK_FAILING)

    def _spool(self, owned: Ownership) -> SpoolDb | None:
        """The spool; None after a wait, if the disk or the clock do not allow it now."""
        try:
            spool = self._open(owned.site)
        except SpoolDamaged:
            self._give_up_spool()
            return None
        except SpoolError as error:
            self._wait_for_disk(trouble_of(error))
            return None
        if spool is None:
            self._lamp.show(pattern_of(Trouble.CLOCK_UNSET))
            self._wait(RETRY_CLOCK_S)
        return spool

    def _open(self, site: SiteSettings) -> SpoolDb | None:
        """The spool that is there, or a new one. That needs a clock that is later than all the device remembers: its
        seconds number the chain.
        """
        path, now = self._folders.spool_file, self._clock.now()
        if path.exists():
            return SpoolDb(path, new_epoch=int(now.utc_s))
        if now.clock is ClockQuality.UNSET:
            return None
        accounted: list[LedgerRow] = []
        if path_set_aside(path).exists():  # what has been told is not known any more: none of it may be told again
            zone = ZoneInfo(site.zone)
            ends = {Node.HOUR: hour_at(zone, now.utc_s).end_s, Node.DAY: day_at(zone, now.utc_s).end_s}
            accounted = [LedgerRow(door, node, 0, ends[node], open=False) for door in site.doors for node in Node]
        return SpoolDb(path, new_epoch=int(now.utc_s), accounted=accounted)

    def _give_up_spool(self) -> None:
        tell(Event.SPOOL_DAMAGED)
        self._health.disk_did(Trouble.DISK_FAILING)
        try:
            set_aside(self._folders.spool_file)
        except OSError:  # the disk does not even rename: wait, counting holds its records meanwhile
            self._wait_for_disk(Trouble.DISK_FAILING)

    def _wait_for_disk(self, trouble: Trouble) -> None:
        tell(Event.SPOOL_NO_ROOM)
        self._health.disk_did(trouble)
        self._lamp.show(pattern_of(trouble))
        self._wait(RETRY_DISK_S)

    def _wait(self, seconds: float) -> None:
        self._manager.alive()
        self._stop.wait(seconds)
