"""The card that ships, in an emulated board: it enrols over its serial port, counts a real clip, and what arrives is right."""

import pytest

from boot.bench import NOISE, Bench
from boot.board import Board

pytestmark = pytest.mark.image

BUSY = 4
"""So many services beside it do nothing but work, on two processors."""
WATCHED_S = 20
LEAST_SHARE = 0.75
"""Of one processor; an equal share would be two fifths."""
TICKS = 100
"""A second of the kernel's times in /proc/PID/stat."""


def test_a_new_card_enrols_and_its_count_arrives(bench: Bench) -> None:
    assert bench.expected > NOISE  # else a counter that is dead would pass
    assert abs(bench.count_an_hour(1) - bench.expected) <= NOISE


def test_nothing_has_failed_nothing_listens_and_nothing_is_written_but_data(bench: Bench) -> None:
    board = bench.board
    bench.power(2)
    board.until("systemctl is-active safecount-vision safecount-seal safecount-uplink safecount-provision", 400)
    assert board.ask("systemctl list-units --failed --no-legend --plain").strip() == ""
    assert board.open_ports() == []
    mounts = [line.split() for line in board.ask("cat /proc/mounts").splitlines() if line.startswith("/dev/")]
    assert [mount[1] for mount in mounts if "rw" in mount[3].split(",")] == ["/var/lib/safecount"]


def test_the_root_is_checked_by_the_processors_own_means(bench: Bench) -> None:
    bench.power(3)
    bench.board.until("dmesg | grep -q 'verity: sha256 using.*sha256-ce'", 200)


def spent(board: Board) -> tuple[float, float]:
    """Seconds since the start, and how many of a processor's counting has had."""
    uptime, stat = board.ask("cat /proc/uptime /proc/$(systemctl show -P MainPID safecount-vision)/stat").splitlines()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return float(uptime.split()[0]), (int(user) + int(system)) / TICKS


def test_counting_has_its_share_beside_busy_services(bench: Bench) -> None:
    board = bench.board
    bench.power(4)
    board.until("journalctl -b -q -u safecount-vision -g 'Frames are being counted'", 400)
    for number in range(BUSY):
        board.ask(f"systemd-run --quiet --unit=busy-{number} python3 -I -c 'while True: pass'")
    (began_s, before_s) = spent(board)
    board.run_for(WATCHED_S)
    (ended_s, after_s) = spent(board)
    assert (after_s - before_s) / (ended_s - began_s) > LEAST_SHARE
