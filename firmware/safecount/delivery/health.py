"""What goes into the health record: coarse, at a fixed rhythm, and nothing that depends on who passed. Pure."""

from dataclasses import dataclass

from safecount.wire.keyset import Keyset, Role
from safecount.wire.local import WatchStatus
from safecount.wire.values import (
    DISK_STEP_PERCENT,
    HOUR_S,
    TEMPERATURE_STEP_C,
    Accelerator,
    CameraState,
    ClockQuality,
    HealthRecord,
    Trouble,
    UpdateState,
)

STATUS_FRESH_S = 120.0
"""The counting process tells how it is every half minute; after so long without a word it does not count."""
NETWORK_AFTER_S = 12 * HOUR_S
"""Without a receipt for so long, the network or the collector is in trouble."""


@dataclass(frozen=True, slots=True)
class BoardState:
    """The board's sensors: degrees Celsius or None, free share of the disk (0 to 1), and the running slot."""

    temperature_c: float | None
    disk_free: float
    slot: str


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What else a record is made of. Times are UTC seconds; `received_at_s` is that of the newest receipt."""

    version: str
    boot: bytes
    clock: ClockQuality
    utc_s: int
    received_at_s: int
    dropped: int
    keyset: Keyset
    update: UpdateState
    update_reason: int


class HealthLog:
    """Remembers what was seen since the last health record: the sum of the troubles, and the worst of each state. Also
    the newest word of the counting process, and whether the disk took the newest record. Times are monotonic seconds.
    """

    def __init__(self, started_s: float = 0.0) -> None:
        self._troubles = Trouble(0)
        self._cameras: set[CameraState] = set()
        self._accelerators: set[Accelerator] = set()
        self._latest = Trouble(0)
        self._latest_s = started_s
        self._disk = Trouble(0)

    def saw(self, status: WatchStatus, now_s: float = 0.0) -> None:
        self._troubles |= status.troubles
        self._cameras.add(status.camera)
        self._accelerators.add(status.accelerator)
        self._latest, self._latest_s = status.troubles, now_s

    def disk_did(self, trouble: Trouble) -> None:
        """What became of the newest write: no trouble, or which."""
        self._troubles |= trouble
        self._disk = trouble

    def now(self, device: DeviceState, now_s: float) -> Trouble:
        """What is wrong at this moment, for the lamp."""
        silent = now_s - self._latest_s > STATUS_FRESH_S
        return self._latest | self._disk | _found(device) | (Trouble.NOT_COUNTING if silent else Trouble(0))

    def record(self, board: BoardState, device: DeviceState) -> HealthRecord:
        """The record of now. What was seen is kept until `stored`, so that a record that finds no room loses nothing."""
        celsius = board.temperature_c
        return HealthRecord(
            at_s=device.utc_s // HOUR_S * HOUR_S,
            version=device.version,
            slot=board.slot,
            temperature_c=None if celsius is None else _step(min(150.0, max(-50.0, celsius)), TEMPERATURE_STEP_C),
            disk_free_percent=int(board.disk_free * 100) // DISK_STEP_PERCENT * DISK_STEP_PERCENT,
            camera=self._camera(),
            accelerator=min(self._accelerators, default=Accelerator.NONE),
            clock=device.clock,
            dropped=device.dropped,
            keyset=device.keyset.serial,
            boot=device.boot,
            troubles=self._troubles | _found(device) | self._not_counting(),
            update=device.update,
            update_reason=device.update_reason,
        )

    def stored(self) -> None:
        """The last record is on disk: begin anew."""
        self._troubles = Trouble(0)
        self._cameras.clear()
        self._accelerators.clear()

    def _camera(self) -> CameraState:
        """Working or missing if it was so all the time; failing if it was now this, now that."""
        if not self._cameras:
            return CameraState.MISSING
        return min(self._cameras) if len(self._cameras) == 1 else CameraState.FAILING

    def _not_counting(self) -> Trouble:
        return Trouble(0) if self._cameras else Trouble.NOT_COUNTING


def _found(device: DeviceState) -> Trouble:
    """What the device's own state shows."""
    if device.clock is ClockQuality.UNSET:
        return Trouble.CLOCK_UNSET  # of the time nothing more can be said
    found = Trouble(0)
    if device.utc_s - device.received_at_s > NETWORK_AFTER_S:
        found |= Trouble.NETWORK
    controllers = [one for one in device.keyset.recipients if one.role is Role.CONTROLLER]
    if all(one.not_after_s <= device.utc_s for one in controllers):
        found |= Trouble.KEYSET_EXPIRED
    return found


def _step(value: float, step: int) -> int:
    return round(value / step) * step
