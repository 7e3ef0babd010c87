"""When to visit the collector next: a state and what happened in, a state out.

The times depend on chance and on how the visits went, never on what was counted: an observer of the line learns that a
device is alive, and nothing of who passes it. Times are monotonic seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from safecount.delivery.delivery_settings import UploadSettings
from safecount.delivery.ports import Failure
from safecount.delivery.uploader import Delivered, Visit

Draw: TypeAlias = Callable[[float, float], float]
"""Gives an unpredictable number between two, such as `random.SystemRandom().uniform`."""

NEXT_BATCH_S = 5.0
LONGEST_WISH_S = 24 * 3600.0
"""A Retry-After beyond a day is taken as a day: an answer must not silence a device for good."""


SHIPPED = UploadSettings()


@dataclass(frozen=True, slots=True)
class UploadState:
    """When the next visit is due, and how many failed in a row before it."""

    due_s: float
    failures: int = 0


def at_start(now_s: float, draw: Draw, settings: UploadSettings = SHIPPED) -> UploadState:
    """Spread over a quarter of a round, so that a fleet does not return as one after a power cut."""
    return UploadState(now_s + draw(0, settings.round_s / 4))


def after_visit(
    state: UploadState, visit: Visit, now_s: float, draw: Draw, settings: UploadSettings = SHIPPED
) -> UploadState:
    """The state after a visit that ended at `now_s`.

    After a failure the wait is drawn from a range that doubles each time ("full jitter": Brooker, "Exponential Backoff
    And Jitter", 2015), and is never shorter than the collector wished.
    """
    round_s = settings.round_s
    match visit:
        case Delivered(more=True):
            next_s = min(NEXT_BATCH_S, round_s)
            return UploadState(now_s + draw(next_s / 2, next_s * 3 / 2))
        case Delivered():
            return UploadState(now_s + draw(round_s / 2, round_s * 3 / 2))
        case Failure(retry_after_s=wish_s):
            longest_s = min(settings.longest_retry_s, settings.first_retry_s * 2 ** min(state.failures, 16))
            wished_s = min(LONGEST_WISH_S, float(wish_s or 0))
            return UploadState(now_s + wished_s + draw(longest_s / 10, longest_s), state.failures + 1)
