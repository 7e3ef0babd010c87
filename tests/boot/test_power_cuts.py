"""The plug is pulled at any moment while the device counts: it starts every time, and every hour is accounted for."""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from boot.bench import NOISE, Bench
from boot.bench_disk import SHARE
from boot.board import Board, BootError
from boot.data_content import BLOCK, DATA_START, outside_data
from boot.write_log import SECTOR, Write, card_after, copy_card, writes
from safecount.edges.data_disk import HEADER_BYTES
from safecount_ops.collector.database import Database
from safecount_ops.collector.tables import chain, envelope
from safecount_ops.controller.table import Status

pytestmark = pytest.mark.image

CUTS = int(os.environ.get("CUTS", "2"))
"""How often the plug is pulled and the device started again: few in every run of the tests."""
JUDGED = int(os.environ.get("JUDGED", "20"))
"""How many cards, as a cut at any of its writes leaves them, are opened by the device to see what is lost, those of the first
and the last write among them; 100 for the bar."""
STARTED = int(os.environ.get("STARTED", "2"))
"""How many such cards the device starts from, whole, and counts; 100 for the bar."""
DISKS = 20
"""So many more disks fit the emulated board."""
FIRST_HOUR = 4
LONGEST_S = 100.0
LONGEST_SESSION_S = 1200.0
RUNNING = "systemctl is-active safecount-vision safecount-seal safecount-uplink"
RELEASING = "journalctl -b -u safecount-vision -o cat | grep -q 'counts are released'"
ENVELOPES = 8
"""At least so many are stored and sent while writes are recorded, of two kinds: hours and health."""
HALVES = (slice(1024, 1536), slice(1536, 2048))
"""Where the superblock's two sectors lie in the first block."""
Place = tuple[int, int]


@dataclass(frozen=True)
class Session:
    """The card of a device that has sent something; every write while it counts, closes an hour, seals, stores and sends."""

    before: Path
    made: Sequence[Write]


@dataclass(frozen=True)
class Spool:
    """What had to be done for a card to be opened, and what its spool holds: the head of its chain, and what was not sent yet,
    by place."""

    opened: str
    integrity: str
    head: Place
    envelopes: dict[Place, str]

    @classmethod
    def told(cls, what: dict[str, Any]) -> Self:
        epoch, sequence = what["head"]
        envelopes = {(epoch, at): digest for epoch, at, digest in what["envelopes"]}
        return cls(what["opened"], what["integrity"], (epoch, sequence), envelopes)


@pytest.fixture(scope="module")
def session(bench: Bench) -> Session:
    board = bench.board
    bench.power(1)
    run_until(board, lambda: bool(known(bench)))
    board.cut()
    before = board.work / "before.img"
    copy_card(board.card, before)
    board.write_logs = []
    bench.power(2, minute=57)
    board.until(RUNNING, 400)
    stored = len(known(bench))
    run_until(board, lambda: bench.hour_s(2) in bench.shop.hours() and len(known(bench)) >= stored + ENVELOPES)
    board.cut()
    made = [write for log in board.write_logs for write in writes(log)]
    board.write_logs = None
    return Session(before, made)


def run_until(board: Board, done: Callable[[], bool]) -> None:
    until_s = time.monotonic() + LONGEST_SESSION_S
    while not done():
        if time.monotonic() > until_s:
            raise BootError(f"not within {LONGEST_SESSION_S:.0f} s:\n{board.last_words()}")
        board.run_for(5.0)


def known(bench: Bench) -> dict[Place, str]:
    """The digest of every envelope that the collector has."""
    database = Database(bench.shop.collector.folder / "collector.db")
    try:
        with database.reading() as connection:
            asked = select(chain.c.epoch, envelope.c.sequence, envelope.c.digest).join(chain)
            return {(row.epoch, row.sequence): row.digest.hex() for row in connection.execute(asked)}
    finally:
        database.close()


def opened(bench: Bench, cards: Sequence[Path]) -> list[Spool]:
    """Have a device open their data partitions as its own start does, and tell their spools."""
    board = bench.board
    first = len(board.disks)
    board.disks += [(card, DATA_START) for card in cards]
    bench.power(3)
    board.until("systemctl is-active safecount-seal", 400)
    devices = " ".join(f"/dev/vd{chr(ord('b') + first + number)}" for number in range(len(cards)))
    told = board.ask(f"python3 {SHARE}/judge_cuts.py {devices}", 600)
    board.cut()
    del board.disks[first:]
    judged = json.loads(told[told.index('{"') : told.rindex("}") + 1])
    wrong = {card.name: what["wrong"] for card, what in zip(cards, judged.values(), strict=True) if "wrong" in what}
    assert wrong == {}
    return [Spool.told(what) for what in judged.values()]


def test_nothing_is_written_beside_the_data_partition(session: Session) -> None:
    assert outside_data(session.made) == []


def test_no_cut_loses_what_was_stored(bench: Bench, session: Session) -> None:
    dice = random.Random(os.environ.get("SEED", "cuts"))
    final = len(session.made) - 1
    numbers = [0, *sorted(dice.sample(range(1, final), JUDGED - 2)), final]
    spools: list[Spool] = []
    for first in range(0, JUDGED, DISKS):
        cards = []
        for number in numbers[first : first + DISKS]:
            cards.append(bench.board.work / f"cut-{number}.img")
            card_after(session.before, session.made, number, dice, cards[-1])
        spools += opened(bench, cards)
        for card in cards:
            card.unlink()
    everything = known(bench)
    assert {spool.integrity for spool in spools} == {"ok"}
    certain = durable = (0, 0)
    for number, spool, before in zip(numbers, spools, [0, *numbers], strict=False):
        if any(write.barrier for write in session.made[before:number]):
            durable = certain
        assert spool.head >= durable, f"what an earlier cut had left is lost by one at write {number}"
        certain = max(certain, spool.head)
    assert certain[1] >= spools[0].head[1] + ENVELOPES // 2
    for spool in spools:
        epoch, last = spool.head
        for place in ((epoch, sequence) for sequence in range(1, last + 1)):
            held = spool.envelopes.get(place)
            assert held is None or held == everything.get(place, held), f"{place} was stored twice, and differs"
            assert held is not None or place in everything, f"{place} was stored and is nowhere"


def changes_both_halves(session: Session, begin: int) -> int:
    """The number of the first write that changes both halves of the superblock of the file system that begins there."""
    with session.before.open("rb") as card:
        card.seek(begin)
        held = card.read(BLOCK)
    for number, write in enumerate(session.made):
        if write.start == begin and write.length == BLOCK:
            new = write.content()
            if all(new[half] != held[half] for half in HALVES):
                return number
            held = new
    raise AssertionError("the superblock was not written")


def test_a_superblock_of_which_half_was_written_is_mended(bench: Bench, session: Session) -> None:
    number = changes_both_halves(session, DATA_START + HEADER_BYTES)
    card = bench.board.work / "torn.img"
    card_after(session.before, session.made, number, random.Random(0), card, torn=HALVES[0].stop // SECTOR)
    (spool,) = opened(bench, [card])
    assert (spool.opened, spool.integrity) == ("MENDED", "ok")
    assert spool.head >= (1, 1)


def test_it_starts_every_time_and_every_hour_is_accounted_for(bench: Bench) -> None:
    dice = random.Random(os.environ.get("SEED", "cuts"))
    board = bench.board
    for number in range(CUTS):
        # Two minutes before the hour ends, so that it is closed, sealed, stored and sent while the plug is pulled.
        bench.power(FIRST_HOUR + number, minute=58)
        board.until(RUNNING, 400)
        board.run_for(dice.uniform(0.0, LONGEST_S))
        board.cut()
    # Not the hour after the last cut's: on a slow machine it may have begun before that cut, and is then never opened again.
    counted = bench.count_an_hour(FIRST_HOUR + CUTS + 1)
    told = bench.shop.hours()
    states = [told[bench.hour_s(FIRST_HOUR + number)].status for number in range(CUTS)]
    assert Status.MISSING not in states
    assert bench.shop.faults() == ()
    assert abs(counted - bench.expected) <= NOISE


@pytest.fixture
def offline(bench: Bench) -> Iterator[Board]:
    """Its card may be set back in time: it does not speak to the collector, that has heard it since, and is put back after."""
    board = bench.board
    board.cut()
    kept = board.work / "kept.img"
    copy_card(board.card, kept)
    board.online = False
    yield board
    board.cut()
    board.online = True
    kept.replace(board.card)


@pytest.mark.parametrize("which", range(STARTED))
def test_it_starts_and_counts_after_a_cut_at_any_write(
    bench: Bench, session: Session, offline: Board, which: int
) -> None:
    dice = random.Random(f"{os.environ.get('SEED', 'cuts')} {which}")
    number = dice.randrange(len(session.made))
    card_after(session.before, session.made, number, dice, offline.card)
    bench.power(FIRST_HOUR + CUTS + 2)
    offline.until(f"{RUNNING} && {RELEASING}", 400)
    assert offline.ask("systemctl --failed --plain --no-legend") == "", f"after a cut at write {number}"
