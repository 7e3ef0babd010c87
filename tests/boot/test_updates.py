"""Releases over the air in emulation: a good one is tried and kept; broken ones lead back by themselves, and it is told why."""

import os
import random
from collections.abc import Iterator

import pytest

from boot.card_after import Recording
from boot.update_bench import SHORT_LIMIT, Standing, UpdateBench, end_at_once, hang_in_the_check, open_update_bench
from boot.write_log import copy_card
from safecount.wire.update_state import Failure, UpdateState
from safecount_ops.controller.table import Status

pytestmark = pytest.mark.image

SECOND = "0.2.0"
LONGEST_S = 1500
"""For all of an update in emulation, on a busy machine."""
CUTS = int(os.environ.get("CUTS", "2"))
"""How many of the cuts are started in emulation: few in every run of the tests; CUTS=200 for the bar."""


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateBench]:
    """An enrolled device that runs the first release."""
    with open_update_bench(tmp_path_factory.mktemp("updates")) as made:
        made.begin()
        yield made


@pytest.fixture(scope="module")
def recording(updates: UpdateBench) -> Recording:
    """A good release, from its publication to the commit; every write that the card was given on the way."""
    bench, board = updates.bench, updates.board
    good = updates.builder.build(SECOND)
    bundle = updates.publisher.bundle(SECOND, good)
    board.cut()
    before = board.work / "before.img"
    copy_card(board.card, before)
    board.write_logs = []
    bench.power(1, minute=57)  # an hour closes while the release comes in
    board.until("systemctl is-active safecount-update", 400)
    updates.publisher.publish(bundle)
    updates.until_told(Standing(SECOND, "B", UpdateState.UPDATED, None), LONGEST_S)
    made = Recording.of(before, board.write_logs, good)
    board.write_logs = None
    return made


def test_a_good_release_is_tried_kept_and_costs_no_closed_hour(updates: UpdateBench, recording: Recording) -> None:
    assert recording.starts == 2
    assert updates.plain == "B"
    bench = updates.bench
    hours = bench.shop.hours()
    assert hours[bench.hour_s(1)].status is not Status.MISSING
    assert bench.shop.faults() == ()


def test_no_write_leaves_a_card_that_starts_nothing_whole(updates: UpdateBench, recording: Recording) -> None:
    assert recording.judge(updates.board.firmware_of) > 1000


def test_a_root_that_does_not_mount_leads_back(updates: UpdateBench, recording: Recording) -> None:
    updates.publish("0.3.0", updates.builder.damaged("0.3.0", "root", recording.images))
    updates.until_told(Standing(SECOND, "B", UpdateState.FELL_BACK, Failure.NOT_BOOTED), LONGEST_S)
    assert updates.plain == "B"


@pytest.mark.usefixtures("recording")
def test_a_service_that_ends_again_and_again_leads_back(updates: UpdateBench) -> None:
    updates.publish("0.4.0", updates.builder.build("0.4.0", end_at_once))
    updates.until_told(Standing(SECOND, "B", UpdateState.FELL_BACK, Failure.SERVICES), LONGEST_S)
    assert updates.plain == "B"


def test_a_kernel_that_does_not_start_leads_back(updates: UpdateBench, recording: Recording) -> None:
    updates.publish("0.5.0", updates.builder.damaged("0.5.0", "kernel8.img", recording.images))
    starts = len(updates.board.starts)
    updates.until(lambda: len(updates.board.starts) >= starts + 2, LONGEST_S)
    updates.until_told(Standing(SECOND, "B", UpdateState.FELL_BACK, Failure.NOT_BOOTED), LONGEST_S)
    assert updates.plain == "B"


@pytest.mark.usefixtures("recording")
def test_a_health_check_that_hangs_leads_back(updates: UpdateBench) -> None:
    updates.bench.words = (*updates.bench.words, SHORT_LIMIT)
    updates.bench.power(10)
    updates.publish("0.6.0", updates.builder.build("0.6.0", hang_in_the_check))
    updates.until_told(Standing(SECOND, "B", UpdateState.FELL_BACK, Failure.CHECK_HUNG), LONGEST_S)
    assert updates.plain == "B"


def test_it_starts_after_a_cut_at_any_moment(updates: UpdateBench, recording: Recording) -> None:
    dice = random.Random(os.environ.get("SEED", "cuts"))
    board = updates.board
    board.online = False  # a card that is set back in time must not speak to the collector that has heard it since
    for number in range(CUTS):
        board.cut()
        recording.cut(dice, board.card)
        updates.bench.power(40 + number)
        updates.until_well(400)
        assert updates.slot in {"A", "B"}
