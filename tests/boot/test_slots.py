"""Two slots and the firmware's one trial: the other slot starts once, and what is damaged in it leads back by itself."""

import pytest

from boot.bench import Bench
from safecount_image.board import read_board
from safecount_image.card import MIB, layout

pytestmark = pytest.mark.image

SLOT_A, SLOT_B = 2, 3
TRY = "echo '0 tryboot' > /run/systemd/reboot-param; systemctl --no-block reboot"


def copy_slot_a_to_b(bench: Bench) -> None:
    """What an update leaves, with the same release."""
    at = {partition.name: partition.start_mib * MIB for partition in layout(read_board("virt").sizes)}
    size = {partition.name: partition.size_mib * MIB for partition in layout(read_board("virt").sizes)}
    with bench.board.card.open("r+b") as card:
        for part in ("boot", "root"):
            card.seek(at[f"{part}-a"])
            content = card.read(size[f"{part}-a"])
            card.seek(at[f"{part}-b"])
            card.write(content)


def damage_root_b(bench: Bench) -> None:
    at = {partition.name: partition.start_mib * MIB for partition in layout(read_board("virt").sizes)}
    with bench.board.card.open("r+b") as card:
        card.seek(at["root-b"] + 16 * MIB)
        card.write(b"\xff" * MIB)  # somewhere in what starting reads
        card.seek(at["root-b"])
        card.write(b"\0" * 4096)


def test_the_other_slot_is_tried_once(bench: Bench) -> None:
    board = bench.board
    board.cut()
    copy_slot_a_to_b(bench)
    bench.power(1)
    board.until("systemctl is-active safecount-vision", 400)
    assert board.ask("cat /run/safecount-boot/slot").strip() == "A"
    starts = len(board.starts)
    board.ask(TRY)
    board.until_started(starts + 1, 400)
    assert board.starts[-1] == SLOT_B
    board.until("grep -q B /run/safecount-boot/slot", 400)


def test_a_damaged_root_on_trial_leads_back_to_the_good_slot(bench: Bench) -> None:
    board = bench.board
    board.cut()
    damage_root_b(bench)
    bench.power(2)
    board.until("systemctl is-active safecount-vision", 400)
    starts = len(board.starts)
    board.ask(TRY)
    board.until_started(starts + 2, 400)
    assert board.starts[-2:] == [SLOT_B, SLOT_A]
    board.until("grep -q A /run/safecount-boot/slot", 400)
