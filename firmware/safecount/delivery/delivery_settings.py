"""The rhythms of delivery: how often the device tells how it is, and how often it visits the collector."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """The rhythm of health records in seconds: the first after the start of the process, and from one to the next."""

    first_after_s: float = 120.0
    every_s: float = 6 * 3600.0

    def __post_init__(self) -> None:
        if self.first_after_s < 0 or self.every_s <= 0:
            raise ValueError("first_after_s must be at least 0 and every_s above 0.")


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """How often a device with nothing wrong visits on average, and the shortest and longest of its ranges of waiting
    after failures, in seconds.
    """

    round_s: float = 3600.0
    first_retry_s: float = 60.0
    longest_retry_s: float = 6 * 3600.0

    def __post_init__(self) -> None:
        if not 0 < self.first_retry_s <= self.longest_retry_s or self.round_s <= 0:
            raise ValueError("round_s and first_retry_s must be above 0, and longest_retry_s not below first_retry_s.")
