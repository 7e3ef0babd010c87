"""What the seal process does with one message, and with a health record that is due."""

from pathlib import Path

from safecount import __version__
from safecount.delivery.health import DeviceState, HealthLog
from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.edges.board import board_state
from safecount.edges.clock import SystemClock, boot_id
from safecount.edges.journal import Event, tell
from safecount.edges.record_socket import Reply
from safecount.edges.spool_db import SpoolDamaged, SpoolDb, SpoolDiskFails, SpoolError, SpoolNoRoom
from safecount.roles.ownership import Ownership
from safecount.settings import FolderSettings
from safecount.wire.local import Message, WatchStatus, Welcome
from safecount.wire.values import Trouble, UpdateState


def trouble_of(error: SpoolError) -> Trouble:
    """What a health record says of a spool that could not be written. A lock that was held too long is none."""
    if isinstance(error, SpoolDiskFails):
        return Trouble.DISK_FAILING
    return Trouble.DISK_FULL if isinstance(error, SpoolNoRoom) else Trouble(0)


class Sealing:
    """Joins one owner's sealer, the spool and the health seen. Remembers nothing of its own."""

    def __init__(self, owned: Ownership, sealer: Sealer, spool: SpoolDb, clock: SystemClock, health: HealthLog) -> None:
        self._owned = owned
        self._sealer = sealer
        self._spool = spool
        self._clock = clock
        self._health = health

    def welcome(self) -> Welcome:
        """What a counting process starts from."""
        self._clock.raise_floor(self._spool.received_at_s())
        return Welcome(tuple(self._spool.ledger()), self._clock.floor_s)

    def take(self, message: Message) -> Reply:
        """Store one message.

        Raises:
            SpoolDamaged: the spool is to be set aside; the message was not stored.
        """
        if isinstance(message, WatchStatus):
            self._health.saw(message)
            return Reply.STORED
        try:
            return Reply(record(self._spool, self._sealer, message, int(self._clock.now().utc_s)))
        except SpoolDamaged:
            raise
        except SpoolError as error:
            self._refused(error)
            return Reply.TRY_AGAIN

    def tell_health(self, folders: FolderSettings) -> bool:
        """Store a health record of now; False if there was no room, and it is to be tried again."""
        now = self._clock.now()
        try:
            device = DeviceState(
                version=__version__,
                boot=boot_id(),
                clock=now.clock,
                utc_s=int(now.utc_s),
                received_at_s=max(self._spool.received_at_s(), self._owned.since_s),
                dropped=self._spool.dropped(),
                keyset=self._owned.keyset,
                update=UpdateState.NOTHING_NEW,
                update_reason=0,
            )
            told = self._health.record(board_state(Path(folders.state)), device)
            record(self._spool, self._sealer, told, int(now.utc_s))
        except SpoolDamaged:
            raise
        except SpoolError as error:
            self._refused(error)
            return False
        self._health.stored()
        return True

    def _refused(self, error: SpoolError) -> None:
        tell(Event.SPOOL_NO_ROOM)
        self._health.met(trouble_of(error))
