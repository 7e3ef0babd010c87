from dataclasses import replace

import pytest

from safecount.delivery.delivery_settings import HealthSettings
from safecount.delivery.health import NETWORK_AFTER_S, STATUS_FRESH_S, BoardState, DeviceState, HealthLog
from safecount.delivery.lamp_pattern import FLASHES, STEADY, WAITING, LampPattern, pattern_of
from safecount.wire.keyset import Role
from safecount.wire.local import WatchStatus
from safecount.wire.record import decode_health, encode_health
from safecount.wire.values import Accelerator, CameraState, ClockQuality, Trouble, UpdateState
from simulators.keys import keyset, reader

NOW_S = 1_800_000_123
KEYSET = keyset(replace(reader("controller").recipient(Role.CONTROLLER), not_after_s=NOW_S + 1000))
BOARD = BoardState(temperature_c=47.3, disk_free=0.876, slot="A")
DEVICE = DeviceState(
    "0.1.0", bytes(16), ClockQuality.SYNCED, NOW_S, NOW_S - 60, 0, KEYSET, UpdateState.NOTHING_NEW, update_reason=0
)
WELL = WatchStatus(CameraState.WORKING, Accelerator.EDGE_TPU, Trouble(0))


def test_a_device_in_order_tells_no_trouble_and_coarse_figures_only() -> None:
    log = HealthLog()
    log.saw(WELL)
    told = log.record(BOARD, DEVICE)
    assert (told.troubles, told.camera, told.accelerator) == (Trouble(0), CameraState.WORKING, Accelerator.EDGE_TPU)
    assert (told.at_s % 3600, told.temperature_c, told.disk_free_percent, told.slot) == (0, 50, 85, "A")
    assert decode_health(encode_health(told)) == told


@pytest.mark.parametrize("celsius", [None, -300.0, 49.9, 9999.0])
def test_whatever_the_sensor_says_the_record_is_valid(celsius: float | None) -> None:
    told = HealthLog().record(replace(BOARD, temperature_c=celsius), DEVICE)
    assert decode_health(encode_health(told)) == told


def test_a_trouble_is_told_until_its_record_is_stored_and_then_no_more() -> None:
    log = HealthLog()
    log.saw(WatchStatus(CameraState.FAILING, Accelerator.CPU, Trouble.CAMERA_HUNG))
    log.saw(WELL)
    log.disk_did(Trouble.DISK_FULL)
    for _ in range(2):
        told = log.record(BOARD, DEVICE)
        assert told.troubles == Trouble.CAMERA_HUNG | Trouble.DISK_FULL
        assert (told.camera, told.accelerator) == (CameraState.FAILING, Accelerator.CPU), "the worst that was seen"
    log.stored()
    log.saw(WELL)
    assert log.record(BOARD, DEVICE).troubles == Trouble(0)


@pytest.mark.parametrize(
    ("device", "trouble"),
    [
        (replace(DEVICE, clock=ClockQuality.UNSET, utc_s=5), Trouble.CLOCK_UNSET),
        (replace(DEVICE, received_at_s=NOW_S - NETWORK_AFTER_S - 1), Trouble.NETWORK),
        (replace(DEVICE, utc_s=NOW_S + 1000, received_at_s=NOW_S + 900), Trouble.KEYSET_EXPIRED),
    ],
)
def test_what_the_device_s_own_state_shows_is_told(device: DeviceState, trouble: Trouble) -> None:
    log = HealthLog()
    log.saw(WELL)
    assert log.record(BOARD, device).troubles == trouble
    assert log.now(device, 0.0) == trouble


def test_a_counting_process_that_says_nothing_does_not_count() -> None:
    log = HealthLog(started_s=10.0)
    told = log.record(BOARD, DEVICE)
    assert (told.troubles, told.camera, told.accelerator) == (
        Trouble.NOT_COUNTING,
        CameraState.MISSING,
        Accelerator.NONE,
    )
    assert log.now(DEVICE, 10.0 + STATUS_FRESH_S) == Trouble(0), "it is given time to start"
    assert log.now(DEVICE, 11.0 + STATUS_FRESH_S) == Trouble.NOT_COUNTING
    log.saw(WELL, 200.0)
    assert log.now(DEVICE, 201.0) == Trouble(0)


def test_the_lamp_shows_a_full_disk_until_a_record_is_taken_again() -> None:
    log = HealthLog()
    log.saw(WELL)
    log.disk_did(Trouble.DISK_FULL)
    assert log.now(DEVICE, 0.0) == Trouble.DISK_FULL
    log.disk_did(Trouble(0))
    assert log.now(DEVICE, 0.0) == Trouble(0)


def test_every_trouble_has_a_pattern_that_no_other_kind_has() -> None:
    patterns = {pattern_of(kind).ticks for kind, _ in FLASHES}
    assert len(patterns | {STEADY.ticks, WAITING.ticks}) == len(FLASHES) + 2
    assert all(pattern_of(trouble) is not STEADY for trouble in Trouble)
    assert pattern_of(Trouble(0)) is STEADY


def test_the_most_urgent_trouble_is_shown() -> None:
    assert pattern_of(Trouble.NETWORK | Trouble.CAMERA_MISSING) == pattern_of(Trouble.CAMERA_MISSING)
    assert pattern_of(Trouble.ACCELERATOR_LOST) == LampPattern((True, False) * 8 + (False,) * 6)


@pytest.mark.parametrize(("first", "every"), [(-1.0, 1.0), (0.0, 0.0)])
def test_a_rhythm_that_is_none_is_refused(first: float, every: float) -> None:
    with pytest.raises(ValueError, match="every_s"):
        HealthSettings(first, every)
