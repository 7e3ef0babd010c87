"""Simulated devices: their crowds are real, their envelopes the device's own, and the controller can read them."""

import time
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from safecount.delivery.ports import FailureKind
from safecount.errors import SafecountError
from safecount.wire.keyset import Keyset, Role
from safecount.wire.values import Node
from safecount_ops.assets import find_asset
from safecount_ops.collector.settings import read_settings
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.simulate.command import command, summary
from safecount_ops.simulate.crowd import ASSET, PlaceDay, read_crowds
from safecount_ops.simulate.fleet import A_DAY, enrol, live
from safecount_ops.simulate.load import Load, send_all
from simulators.controller import read_everything
from simulators.keys import reader
from simulators.running_collector import running_collector

CONTROLLER = reader("controller")
CROWD = PlaceDay("1 Courthouse Lane", tuple(range(100, 124)))
FAR = 100
"""Noise this large comes less than once in 10^8 numbers."""


def table(rows: list[str]) -> str:
    return "\n".join(["date,hour,year,north,south", *rows]) + "\n"


def day_of(day: str, north: str = "7.0", south: str = "8.0") -> list[str]:
    return [f"{day},{hour}:00-{hour}:59,2024,{north},{south}" for hour in (*range(6, 24), *range(6))]


def test_whole_days_are_read_and_a_day_with_a_hole_is_none(tmp_path: Path) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(table(day_of("2024-05-01") + day_of("2024-05-02", south="") + day_of("2024-05-03")[:-1]))
    assert read_crowds(file) == [
        PlaceDay("north", (7,) * 24),
        PlaceDay("south", (8,) * 24),
        PlaceDay("north", (7,) * 24),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (table([]), "hold no whole day"),
        ("a,b\n1,2\n3,4\n", "cannot be read"),
        (table(day_of("2024-05-01", "many")), "cannot be read"),
        (table(["2024-05-01,noon,2024,1,2"]), "cannot be read"),
        ("date,hour\n2024,1:00,7,8\n", "hold no whole day"),
    ],
)
def test_a_table_that_is_none_is_told(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(text)
    with pytest.raises(SafecountError, match=says):
        read_crowds(file)


def test_what_devices_that_are_none_send_a_collector_takes_and_the_controller_reads(tmp_path: Path) -> None:
    now_s = int(time.time())
    with running_collector(tmp_path / "collector") as running:
        receipt_key = running.receipt_key()
        keyset = Keyset(1, (CONTROLLER.recipient(Role.CONTROLLER),), (receipt_key.public_bytes_raw(),))
        (tmp_path / "fleet").mkdir()
        settings = read_settings(running.folder)
        fleet = enrol(settings, running.devices_url, tmp_path / "fleet", 3, now_s)
        for device in fleet:
            assert live(device, keyset, [CROWD, CROWD], date(2026, 3, 2), now_s) == 2 * A_DAY
        seen: list[int] = []
        load = send_all(fleet, receipt_key, 2, 20, seen.append)
        assert (load.receipts, load.refused, max(seen)) == (3 * 2 * A_DAY, 0, 3 * 2 * A_DAY)
        assert len(load.visits_s) == 3 * 3
        address = CollectorAddress(running.pull_url, running.ca_file, running.token_file())
        records = read_everything(tmp_path, address, CONTROLLER, now_s)
    assert {record.site for record in records} == {device.name for device in fleet}
    hours = [record for record in records if record.node is Node.HOUR]
    assert {record.day for record in hours} == {date(2026, 3, 1), date(2026, 3, 2)}
    off = [(record.entered or 0) - CROWD.hours[record.start_s % 86_400 // 3600] for record in hours]
    assert max(map(abs, off)) < FAR
    assert len(set(off)) > 3, "and with noise"


def test_the_summary_tells_rate_delay_and_what_brought_nothing() -> None:
    load = Load(1000, 0, 2.0, [n / 1000 for n in range(1, 101)])
    load.failures[FailureKind.BUSY] = 3
    assert summary(load, 20) == [
        "1000 envelopes of 20 devices have their receipts: 2.0 s, 500 a second.",
        "A visit took 50 ms, and 99 of 100 at most 99 ms.",
        "3 visits brought nothing: the collector asks to come back later.",
    ]


def test_a_folder_that_is_no_collectors_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert "no collector's folder" in str(done.exception)


@pytest.mark.assets
def test_the_real_crowds_are_whole_days_of_many_places() -> None:
    days = read_crowds(find_asset(ASSET))
    assert len({one.place for one in days}) == 21
    assert len(days) > 40_000
    assert all(len(one.hours) == 24 and min(one.hours) >= 0 for one in days)
