"""The card that ships, in an emulated board: it enrols over its serial port, counts a real clip, and what arrives is right."""

import pytest

from boot.bench import NOISE, Bench

pytestmark = pytest.mark.image


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
