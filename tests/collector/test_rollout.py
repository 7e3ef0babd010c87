"""A roll-out stops by itself when too many fall back, once, and goes on when a person says so."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.errors import UsageError
from safecount.wire.update_state import Refusal
from safecount.wire.uplink import encode_batch
from safecount.wire.values import UpdateState
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.intake import Intake
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.rollout import STOP_FILE, WEEK_S, RolloutWatch, is_too_many
from safecount_ops.collector.settings import Rollout
from simulators.chains import chain_of
from simulators.device import KEYSET
from simulators.keys import signing_key
from simulators.records import HEALTH_RECORD

NOW_S = 1_800_000_000
BEFORE = replace(HEALTH_RECORD, version="1.0.0", update=UpdateState.NOTHING_NEW)
FELL = replace(BEFORE, update=UpdateState.FELL_BACK, update_reason=53)
AGAIN = replace(BEFORE, update=UpdateState.REFUSED, update_reason=int(Refusal.FAILED_BEFORE))
DONE = replace(BEFORE, version="1.1.0")


class Fleet:
    """Devices that tell how their update went, to a collector's own intake."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.database = Database(folder / "c.db")
        self.database.create()
        self.registry = Registry(self.database)
        self.registry.add_tenant("default", None, NOW_S)
        self.intake = Intake(self.database, signing_key("receipts"), lambda: NOW_S)
        self.watch = RolloutWatch(self.database, folder, Rollout(**settings))  # type: ignore[arg-type]
        self.file = folder / STOP_FILE

    def tell(self, outcome: object, count: int, prefix: str) -> None:
        for number in range(count):
            name = f"{prefix}-{number}"
            self.registry.add_device(name, "default", signing_key(name).public_key().public_bytes_raw(), NOW_S)
            for one in chain_of(name, [BEFORE, outcome], KEYSET):  # type: ignore[list-item]
                self.intake.take(name, encode_batch([one]))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/told\n')
    hook.chmod(0o700)
    made = Fleet(tmp_path, least=3, stop_percent=20, hook=str(hook))
    yield made
    made.database.close()


def test_it_stops_at_the_share_tells_once_and_stands_until_a_person_takes_it_back(fleet: Fleet) -> None:
    fleet.tell(BEFORE, 40, "idle")
    fleet.tell(DONE, 8, "done")
    fleet.tell(FELL, 2, "fell")
    assert fleet.watch.look(NOW_S) == [], "two may be bad luck"
    fleet.tell(AGAIN, 1, "again")
    (stop,) = fleet.watch.look(NOW_S)
    assert (stop.fell_back, stop.tried) == (3, 11)
    assert fleet.watch.look(NOW_S) == []
    told = json.loads(fleet.file.read_text())
    assert (told["stop"][0]["tenant"], told["stop"][0]["tried"]) == ("default", 11)
    assert (fleet.file.parent / "told").read_text() == fleet.file.read_text()
    assert [one.act for one in audit.read_all(fleet.database)] == ["stop-rollout"]
    fleet.watch.take_back("default", NOW_S, "ann")
    assert not fleet.file.exists()
    with pytest.raises(UsageError, match="not stopped"):
        fleet.watch.take_back("default", NOW_S, "ann")


def test_a_good_release_and_one_of_last_week_do_not_count(fleet: Fleet) -> None:
    fleet.tell(DONE, 20, "done")
    fleet.tell(FELL, 3, "fell")
    assert fleet.watch.look(NOW_S) == []
    assert fleet.watch.look(NOW_S + 2 * WEEK_S) == []


def test_a_hook_that_is_not_there_stops_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(tmp_path, least=1, hook=str(tmp_path / "nowhere"))
    fleet.tell(FELL, 1, "fell")
    assert len(fleet.watch.look(NOW_S)) == 1
    assert fleet.file.exists()
    assert "did not run" in capfd.readouterr().out
    fleet.database.close()


@pytest.mark.parametrize(
    ("fell", "tried", "stop"), [(0, 0, False), (2, 2, False), (3, 15, True), (3, 16, False), (50, 51, True)]
)
def test_the_rule(fell: int, tried: int, stop: bool) -> None:  # noqa: FBT001
    assert is_too_many(fell, tried, Rollout(least=3, stop_percent=20)) is stop
