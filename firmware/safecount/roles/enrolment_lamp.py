"""What the lamp says of an enrolment: provisioning leaves its state in memory, and the seal process, whose lamp it is, shows
it as long as the device belongs to nobody. The table for installers is in docs/enrolment.md.
"""

from contextlib import suppress
from pathlib import Path

from safecount.delivery.lamp_pattern import REFUSED, WAITING, WORKING, LampPattern, long_and_short, pattern_of
from safecount.edges.durable_file import replace_file
from safecount.edges.small_file import read_small
from safecount.provisioning.enrolment_flow import State
from safecount.wire.values import Trouble

MAX_STATE_BYTES = 32
REFUSED_WORD = "refused"
REFUSED_SHOWN_S = 10.0
_READABLE = 0o644

LAMP: dict[State, LampPattern] = {
    State.BLANK: WAITING,
    State.ENROLLED: WAITING,
    State.ENROLLING: WORKING,
    State.DISK_FAILED: pattern_of(Trouble.DISK_FAILING),
    State.CLOCK_UNSET: pattern_of(Trouble.CLOCK_UNSET),
    State.NO_NETWORK: pattern_of(Trouble.NETWORK),
    State.NO_ADDRESS: long_and_short(1),
    State.NOT_THE_COLLECTOR: long_and_short(2),
    State.TOKEN_REFUSED: long_and_short(3),
    State.TOKEN_TAKEN: long_and_short(4),
    State.COLLECTOR_FAILED: long_and_short(5),
    State.NO_KEYSET: long_and_short(6),
    State.WRONG_KEYSET: long_and_short(7),
    State.NOT_LISTED: long_and_short(1, long=2),
    State.LIST_ENDED: long_and_short(2, long=2),
    State.WIFI_NOT_FOUND: long_and_short(3, long=2),
    State.WIFI_PASSWORD: long_and_short(4, long=2),
    State.WIFI_REFUSED: long_and_short(5, long=2),
}
"""What counting has a pattern for too has the same one; the others begin with a long flash or two."""


def leave_state(path: Path, state: State) -> None:
    """Tell the lamp's process where the enrolment stands. What cannot be left is not shown; the serial line has it."""
    with suppress(OSError):
        replace_file(path, state.value.encode("ascii"), _READABLE)


def leave_refusal(path: Path) -> None:
    """Let the lamp say that a code was refused; whoever calls this leaves the state again after REFUSED_SHOWN_S."""
    with suppress(OSError):
        replace_file(path, REFUSED_WORD.encode("ascii"), _READABLE)


def pattern_left(path: Path) -> LampPattern:
    """The pattern of the state that was left; that of a blank device where there is none that can be read."""
    try:
        raw = read_small(path, MAX_STATE_BYTES)
        word = "" if raw is None else raw.decode("ascii")
        return REFUSED if word == REFUSED_WORD else LAMP[State(word)]
    except (OSError, ValueError):
        return WAITING
