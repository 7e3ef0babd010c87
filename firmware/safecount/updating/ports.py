"""What updating needs of the world: a repository, the two slots, a place to remember, and a look at the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safecount.errors import SafecountError
from safecount.updating.health_check import Sample
from safecount.updating.memory import Memory
from safecount.updating.update_policy import Device
from safecount.wire.release import Release
from safecount.wire.update_state import Refusal
from safecount.wire.values import ClockQuality


class Refused(SafecountError):  # noqa: N818 - it names what happened to the offer
    """What was offered is not taken; nothing has changed on the device. `refusal` is from the closed list."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


class Repository(Protocol):
    """Where releases are listed and fetched from. Both calls raise Refused, and nothing else, for what they are given."""

    def releases(self) -> Sequence[Release]:
        """All releases that verified metadata lists now."""

    def fetch(self, release: Release) -> str:
        """The path of the bundle on the disk, of the listed length and digest. A broken download is gone on with."""

    def forget(self) -> None:
        """Give the space of fetched bundles back."""


class Slots(Protocol):
    """The two system slots."""

    def device(self) -> Device:
        """What runs, and from which slot."""

    def install(self, bundle: str) -> None:
        """Write the bundle (a path) into the other slot. Refused if it cannot be; the running slot is not touched."""

    def start_other(self) -> None:
        """Restart into the other slot, once. Returns before the device goes down."""

    def restart(self) -> None:
        """Restart as a plain start does. Returns before the device goes down."""

    def commit(self) -> bool:
        """Make the running slot the one that a plain start takes; True only if that was read back."""


class MemoryStore(Protocol):
    """What is remembered."""

    def load(self) -> Memory:
        """The last that was saved; an empty memory where there is none that can be read."""

    def save(self, memory: Memory) -> None:
        """On disk when the call returns. Its report is left where the health record finds it."""


class Vitals(Protocol):
    """How the device does."""

    def sample(self) -> Sample: ...

    def reached_lately(self) -> bool:
        """Whether the collector was reached in the day before."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """UTC seconds, a time that has certainly passed, how well the clock is known, and the minute of the local day."""

    utc_s: float
    floor_s: float
    quality: ClockQuality
    minute_of_day: int


class Clock(Protocol):
    """The system's clock."""

    def read(self) -> ClockReading: ...
