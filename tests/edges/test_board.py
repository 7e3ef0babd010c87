from pathlib import Path

import pytest

from safecount.delivery.health import BoardState
from safecount.edges.board import board_state


def test_a_pi_s_sensors_are_read(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("47316\n")
    (tmp_path / "partition").write_bytes((3).to_bytes(4, "big"))
    state = board_state(tmp_path, tmp_path / "temp", tmp_path / "partition")
    assert (state.temperature_c, state.slot) == (47.316, "B")
    assert 0 < state.disk_free <= 1


@pytest.mark.parametrize("partition", [b"", b"\0\0\0\1", b"\xff" * 9])
def test_what_cannot_be_read_is_told_as_unknown(tmp_path: Path, partition: bytes) -> None:
    (tmp_path / "temp").write_text("hot")
    (tmp_path / "partition").write_bytes(partition)
    for folder in (tmp_path, tmp_path / "none"):
        state = board_state(tmp_path / "none", folder / "temp", folder / "partition")
        assert state == BoardState(None, 0.0, "-")
