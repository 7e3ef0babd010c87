"""What the lamp on the board says to somebody who stands before it: all is well, waiting for an owner, or a number of
flashes for the first thing that is wrong. Pure; the table for people is in docs/device.md.
"""

from dataclasses import dataclass

from safecount.wire.values import Trouble

TICK_S = 0.25
_PAUSE_TICKS = 6
_WAITING_TICKS = 4


@dataclass(frozen=True, slots=True)
class LampPattern:
    """On and off in turn, one value a TICK_S, again and again."""

    ticks: tuple[bool, ...]


STEADY = LampPattern((True,))
"""Counting, and nothing is wrong."""
WAITING = LampPattern((True,) * _WAITING_TICKS + (False,) * _WAITING_TICKS)
"""The device belongs to nobody yet: a second on, a second off."""

WORKING = LampPattern((True, False))
"""Busy with an enrolment: quick."""

REFUSED = LampPattern(((True,) * _WAITING_TICKS + (False,) * 2) * 2 + (False,) * _PAUSE_TICKS)
"""A code was read, and refused: two long flashes."""

FLASHES: tuple[tuple[Trouble, int], ...] = (
    (Trouble.CAMERA_MISSING | Trouble.CAMERA_HUNG, 2),
    (Trouble.MODEL_FAILED | Trouble.NOT_COUNTING, 3),
    (Trouble.DISK_FULL | Trouble.DISK_FAILING, 4),
    (Trouble.CLOCK_UNSET, 5),
    (Trouble.NETWORK, 6),
    (Trouble.KEYSET_EXPIRED, 7),
    (Trouble.ACCELERATOR_LOST, 8),
)
"""Most urgent first: no counts come to be; counts are at risk; counts wait; counts come, but slower."""


def long_and_short(flashes: int, long: int = 1) -> LampPattern:
    """A long flash or two, then so many short ones: what only an enrolment can meet."""
    begun = ((True,) * _WAITING_TICKS + (False,) * 2) * long
    return LampPattern(begun + (True, False) * flashes + (False,) * _PAUSE_TICKS)


def pattern_of(troubles: Trouble) -> LampPattern:
    """The pattern for the first of the troubles in the table's order."""
    for kind, flashes in FLASHES:
        if troubles & kind:
            return LampPattern((True, False) * flashes + (False,) * _PAUSE_TICKS)
    return STEADY
