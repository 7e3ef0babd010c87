"""Why bytes from outside were refused: one closed list that both sides share.

The numbers travel in the collector's answer (docs/formats.md) and are never given a new meaning.
"""

from enum import IntEnum

from safecount.errors import SafecountError


class Reason(IntEnum):
    """The only reasons there are. 1 to 9 are found by reading alone, 20 and up need what the reader remembers."""

    TOO_LARGE = 1
    MALFORMED = 2
    WRONG_TYPE = 3
    UNSUPPORTED_VERSION = 4
    UNSUPPORTED_SUITE = 5
    BAD_FIELD = 6
    BAD_SIGNATURE = 7
    UNKNOWN_DEVICE = 20
    FORK = 21
    STEP_BACK = 22
    BROKEN_CHAIN = 23
    QUARANTINED = 24
    RETRY_LATER = 25
    STALE = 26


class UntrustedInput(SafecountError):  # noqa: N818 - it names what came, as its reason does
    """Bytes from outside that are not what they should be; their sender is to blame. `reason` is from the closed
    list.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
