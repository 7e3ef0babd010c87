"""One device in a trial: the real aggregator, the ledger that its seal process keeps, and what comes out of both.

Time is that of a story, a list of acts; nothing waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from safecount.counting.aggregator import Aggregator, Level, Message, Moment, ReleaseSettings
from safecount.counting.noise import RandBelow
from safecount.counting.values import Crossing
from safecount.delivery.ports import NotAccountable
from safecount.wire.values import Accelerator, BinOpened, ClockQuality, CountRecord, LedgerRow, Node, State

MakeAggregator: TypeAlias = Callable[[ReleaseSettings, RandBelow, Sequence[LedgerRow]], Aggregator]


@dataclass(frozen=True, slots=True)
class Watched:
    """A frame at a UTC second, with whoever crosses a line in it."""

    at_s: float
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Time passes without a frame, up to a UTC second."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """An orderly stop at a UTC second; then a new process starts."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The power goes; then a new process starts with what is on the card."""


@dataclass(frozen=True, slots=True)
class Relevelled:
    """The site's level is changed."""

    level: Level


Act: TypeAlias = Watched | Unwatched | Stopped | Cut | Relevelled
Story: TypeAlias = tuple[Act, ...]


class Card:
    """The ledger on the card, by the rules of the spool (`edges.spool_db`): what is accounted for is taken no second time.

    With `forgetful` it keeps nothing and refuses nothing: one of the broken builds.
    """

    def __init__(self, *, forgetful: bool = False) -> None:
        self._rows: dict[tuple[str, Node, int, int], LedgerRow] = {}
        self._forgetful = forgetful

    def rows(self) -> list[LedgerRow]:
        return [] if self._forgetful else list(self._rows.values())

    def open_bin(self, opened: BinOpened) -> None:
        """Remember that a bin has begun. NotAccountable if any of its time is accounted for already."""
        key = (opened.door, opened.node, opened.start_s, opened.end_s)
        if not self._forgetful and self._overlapping(*key):
            raise NotAccountable(f"The bin of {opened.door} at {opened.start_s} was opened before.")
        self._rows[key] = LedgerRow(*key, open=True)

    def account(self, record: CountRecord) -> None:
        """The record's bin is done with. NotAccountable for a released bin that is not open, or a lost one that is done."""
        key = (record.door, record.node, record.start_s, record.start_s + record.length_s)
        overlapping = self._overlapping(*key)
        was_open = [(row.start_s, row.end_s, row.open) for row in overlapping] == [(*key[2:], True)]
        if not self._forgetful and not was_open and (overlapping or record.state is State.RELEASED):
            raise NotAccountable(f"The bin of {record.door} at {record.start_s} is not open.")
        self._rows[key] = LedgerRow(*key, open=False)

    def _overlapping(self, door: str, node: Node, start_s: int, end_s: int) -> list[LedgerRow]:
        return [
            row
            for row in self._rows.values()
            if (row.door, row.node) == (door, node) and row.start_s < end_s and start_s < row.end_s
        ]


def play(
    story: Story, make: MakeAggregator, settings: ReleaseSettings, randbelow: RandBelow, card: Card
) -> list[Message]:
    """All that the device gave out and the card took, in its order."""
    aggregator = make(settings, randbelow, card.rows())
    messages: list[Message] = []
    now_s = monotonic_s = 0.0
    for act in story:
        if isinstance(act, Watched | Unwatched | Stopped):
            monotonic_s += max(1.0, act.at_s - now_s) if now_s else 0.0  # goes on where a clock is set back
            now_s = act.at_s
        now = Moment(now_s, monotonic_s, ClockQuality.SYNCED)
        match act:
            case Watched():
                out = aggregator.observe(now, act.crossings, Accelerator.CPU)
            case Unwatched():
                out = aggregator.pass_time(now)
            case Stopped() | Cut():
                out = aggregator.close(now) if isinstance(act, Stopped) else []
            case Relevelled():
                aggregator.change_level(act.level)
                out = []
            case _:
                assert_never(act)
        messages += _taken(out, card)
        if isinstance(act, Stopped | Cut):
            aggregator = make(settings, randbelow, card.rows())
    return messages


def _taken(messages: Sequence[Message], card: Card) -> list[Message]:
    """Those that the card did not refuse, for what it refuses goes nowhere."""
    taken: list[Message] = []
    for message in messages:
        try:
            if isinstance(message, BinOpened):
                card.open_bin(message)
            else:
                card.account(message)
        except NotAccountable:
            continue
        taken.append(message)
    return taken
