"""What the seal process does with one message, and with a health record that is due."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from safecount import __version__
from safecount.delivery.health import DeviceState, HealthLog
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.edges.board import board_state
from safecount.edges.clock import SystemClock, boot_id
from safecount.edges.journal import Event, tell
from safecount.edges.record_socket import Reply
from safecount.edges.small_file import read_small
from safecount.edges.spool_db import SpoolDb
from safecount.edges.spool_file import SpoolDamaged, SpoolDiskFails, SpoolError, SpoolNoRoom
from safecount.edges.vitals_file import CountingVitals, leave_vitals
from safecount.roles.ownership import Ownership
from safecount.settings import FolderSettings
from safecount.wire.errors import UntrustedInput
from safecount.wire.local import Message, WatchStatus, Welcome
from safecount.wire.update_state import MAX_REPORT_BYTES, REPORT_FILE, UpdateReport, decode_report
from safecount.wire.values import BinOpened, CountRecord, HealthRecord, Trouble, UpdateState

NO_REPORT = UpdateReport(UpdateState.NOTHING_NEW)


def trouble_of(error: SpoolError) -> Trouble:
    """What a health record says of a spool that could not be written. A lock that was held too long is none."""
    if isinstance(error, SpoolDiskFails):
        return Trouble.DISK_FAILING
    return Trouble.DISK_FULL if isinstance(error, SpoolNoRoom) else Trouble(0)


@dataclass(frozen=True, slots=True)
class Sealing:
    """Joins one owner's sealer, the spool and the health seen. Remembers nothing of its own.

    Each method raises SpoolError if the spool cannot be read, and SpoolDamaged if it is to be set aside; what was to be
    stored is not stored then.
    """

    owned: Ownership
    sealer: Sealer
    spool: SpoolDb
    clock: SystemClock
    health: HealthLog
    folders: FolderSettings

    def welcome(self) -> Welcome:
        """What a counting process starts from."""
        self.clock.raise_floor(self.spool.received_at_s())
        return Welcome(tuple(self.spool.ledger()), self.clock.floor_s)

    def take(self, message: Message) -> Reply:
        """Store one message."""
        if isinstance(message, WatchStatus):
            self.health.saw(message, time.monotonic())
            self._leave_vitals(message)
            return Reply.STORED
        return self._store(message)

    def _leave_vitals(self, status: WatchStatus) -> None:
        """For the check of an update's trial; where it cannot be left, the check sees nothing and says so."""
        sequence, received_at_s = self.spool.head().sequence, self.spool.received_at_s()
        with suppress(OSError):
            leave_vitals(
                self.folders.vitals_file, CountingVitals(status.camera, status.accelerator, sequence, received_at_s)
            )

    def tell_health(self) -> bool:
        """Store a health record of now; False if there was no room, and it is to be tried again."""
        told = self.health.record(
            board_state(Path(self.folders.state)), self._device(update_report(self.folders.update))
        )
        if self._store(told) is Reply.TRY_AGAIN:
            return False
        self.health.stored()
        return True

    def troubles_now(self) -> Trouble:
        return self.health.now(self._device(NO_REPORT), time.monotonic())

    def _store(self, message: BinOpened | CountRecord | HealthRecord) -> Reply:
        try:
            reply = Reply(record(self.spool, self.sealer, message, int(self.clock.now().utc_s)))
        except SpoolDamaged:
            raise
        except SpoolError as error:
            tell(Event.SPOOL_NO_ROOM)
            self.health.disk_did(trouble_of(error))
            return Reply.TRY_AGAIN
        self.health.disk_did(Trouble(0))
        return reply

    def _device(self, update: UpdateReport) -> DeviceState:
        now = self.clock.now()
        return DeviceState(
            version=__version__,
            boot=boot_id(),
            clock=now.clock,
            utc_s=int(now.utc_s),
            received_at_s=max(self.spool.received_at_s(), self.owned.since_s),
            dropped=self.spool.dropped(),
            keyset=self.owned.keyset,
            update=update.state,
            update_reason=update.reason_number,
        )


def update_report(folder: Path) -> UpdateReport:
    """What the update process has left; nothing new where it has left nothing that can be read."""
    try:
        raw = read_small(folder / REPORT_FILE, MAX_REPORT_BYTES)
        return decode_report(raw) if raw is not None else NO_REPORT
    except (OSError, UntrustedInput):
        tell(Event.UPDATE_REPORT_UNREADABLE)
        return NO_REPORT
