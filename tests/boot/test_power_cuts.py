"""The plug is pulled at any moment while the device counts: it starts every time, and every hour is accounted for."""

import os
import random

import pytest

from boot.bench import NOISE, Bench
from safecount_ops.controller.table import Status

pytestmark = pytest.mark.image

CUTS = int(os.environ.get("CUTS", "2"))
"""How often: few in every run of the tests; CUTS=100 for the bar."""
FIRST_HOUR = 3
LONGEST_S = 100.0


def test_power_cuts_lose_no_closed_hour_and_it_starts_every_time(bench: Bench) -> None:
    dice = random.Random(os.environ.get("SEED", "cuts"))
    board = bench.board
    for number in range(CUTS):
        # Two minutes before the hour ends, so that it is closed, sealed, stored and sent while the plug is pulled.
        bench.power(FIRST_HOUR + number, minute=58)
        board.until("systemctl is-active safecount-vision safecount-seal safecount-uplink", 400)
        board.run_for(dice.uniform(0.0, LONGEST_S))
        board.cut()
    counted = bench.count_an_hour(FIRST_HOUR + CUTS)
    told = bench.shop.hours()
    states = [told[bench.hour_s(FIRST_HOUR + number)].status for number in range(CUTS)]
    assert Status.MISSING not in states
    assert bench.shop.faults() == ()
    assert abs(counted - bench.expected) <= NOISE
