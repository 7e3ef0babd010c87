"""How counting went since it was last asked: for the status that the counting process sends at a fixed rhythm."""

import threading

from safecount.wire.local import WatchStatus
from safecount.wire.values import Accelerator, CameraState, Trouble

_OF_THE_CAMERA = Trouble.CAMERA_MISSING | Trouble.CAMERA_HUNG


class WatchLog:
    """Remembers the troubles and the weakest accelerator since the last status; shared by two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles = Trouble(0)
        self._weakest: Accelerator | None = None

    def watched(self, accelerator: Accelerator) -> None:
        """A frame was counted, by this."""
        with self._lock:
            self._weakest = accelerator if self._weakest is None else min(self._weakest, accelerator)

    def met(self, trouble: Trouble) -> None:
        with self._lock:
            self._troubles |= trouble

    def status(self) -> WatchStatus | None:
        """What to tell now, and begin anew; None while nothing is known, as before the first frame."""
        with self._lock:
            troubles, weakest = self._troubles, self._weakest
            self._troubles, self._weakest = Trouble(0), None
        if not troubles and weakest is None:
            return None
        if weakest is None:
            return WatchStatus(CameraState.MISSING, Accelerator.NONE, troubles)
        camera = CameraState.FAILING if troubles & _OF_THE_CAMERA else CameraState.WORKING
        return WatchStatus(camera, weakest, troubles)
