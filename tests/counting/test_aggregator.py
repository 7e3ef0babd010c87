import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecount.counting.aggregator import Aggregator, Level, Message, Moment, ReleaseSettings
from safecount.counting.local_days import day_at
from safecount.counting.values import Crossing, Direction
from safecount.wire.values import Accelerator, BinOpened, ClockQuality, CountRecord, LedgerRow, Node, Profile, State

BERLIN = ZoneInfo("Europe/Berlin")
STANDARD = Level(Profile.STANDARD)


def at(text: str) -> float:
    """UTC seconds of a local time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def crossing(door: str = "north", direction: Direction = "in") -> Crossing:
    return Crossing("line", door, direction, 0.0, 1.0, 2.0)


class Device:
    """An aggregator with a clock that a test moves, and the ledger that its seal process would keep."""

    def __init__(self, *doors: str, level: Level = STANDARD, ledger: Sequence[LedgerRow] = (), seed: str = "a") -> None:
        self.settings = ReleaseSettings("station", doors or ("north",), BERLIN, level, "line-1", bytes(16))
        self.seed = seed
        self.lives = 0
        self.rows = {(row.door, row.node, row.start_s, row.end_s): row for row in ledger}
        self.records: list[CountRecord] = []
        self.monotonic_s = 0.0
        self.start()

    def start(self) -> None:
        """Begin a life with what the ledger tells: all that survives a power cut."""
        self.lives += 1
        generator = Random(f"{self.seed} {self.lives}")
        self.aggregator = Aggregator(self.settings, generator.randrange, list(self.rows.values()))

    def watch(
        self,
        start: float,
        end: float | None = None,
        crossings: Sequence[Crossing] = (),
        *,
        step_s: float = 4.0,
        clock: ClockQuality = ClockQuality.SYNCED,
        accelerator: Accelerator = Accelerator.CPU,
    ) -> list[CountRecord]:
        """Frames from `start` to `end`, every `step_s`; the crossings happen in the first. The records that came of
        it.
        """
        before = len(self.records)
        now, left = start, list(crossings)
        while now <= (start if end is None else end):
            self.store(self.aggregator.observe(Moment(now, self.monotonic_s, clock), left, accelerator))
            left = []
            now += step_s
            self.monotonic_s += step_s
        return self.records[before:]

    def store(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if isinstance(message, BinOpened):
                key = (message.door, message.node, message.start_s, message.end_s)
                assert key not in self.rows, "a bin is opened once"
                self.rows[key] = LedgerRow(*key, open=True)
            else:
                key = (message.door, message.node, message.start_s, message.start_s + message.length_s)
                known = self.rows.get(key)
                assert known is None or known.open, "a bin is accounted for once"
                assert message.state is State.LOST or known is not None, "a bin is released only if it was opened"
                self.rows[key] = LedgerRow(*key, open=False)
                self.records.append(message)


def hours(records: Sequence[CountRecord]) -> list[CountRecord]:
    return [record for record in records if record.node is Node.HOUR]


def days(records: Sequence[CountRecord]) -> list[CountRecord]:
    return [record for record in records if record.node is Node.DAY]


def test_a_whole_day_releases_every_hour_and_the_day_once() -> None:
    device = Device("north", "south")
    records = device.watch(at("2026-06-10T00:00"), at("2026-06-11T00:00"))
    for door in ("north", "south"):
        mine = [record for record in records if record.door == door]
        assert len(hours(mine)) == 24
        assert len(days(mine)) == 1
        assert [record.start_s for record in hours(mine)] == [
            int(at("2026-06-10T00:00")) + 3600 * number for number in range(24)
        ]
        assert {record.state for record in mine} == {State.RELEASED}
        assert {record.coverage_s for record in hours(mine)} == {3600}
        assert days(mine)[0].coverage_s == 86_400
        assert {record.day for record in mine} == {date(2026, 6, 10)}


@pytest.mark.parametrize(
    ("day", "following", "count"), [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)]
)
def test_days_when_the_clocks_change_have_their_own_number_of_hours(day: str, following: str, count: int) -> None:
    device = Device()
    records = device.watch(at(f"{day}T00:00"), at(f"{following}T00:00"))
    assert len(hours(records)) == count
    assert days(records)[0].length_s == count * 3600
    assert days(records)[0].coverage_s == count * 3600


def test_people_are_in_their_hour_and_in_their_day_above_the_same_noise() -> None:
    """Two devices with the same randomness differ by exactly the people."""
    empty, busy = Device("north", "south"), Device("north", "south")
    people = [crossing("north")] * 3 + [crossing("south")] * 2 + [crossing("north", "out")] * 7
    for device, crossings in ((empty, []), (busy, people)):
        device.watch(at("2026-06-10T00:00"), at("2026-06-10T10:29"))
        device.watch(at("2026-06-10T10:30"), at("2026-06-11T00:00"), crossings)
    differences = {
        (one.door, one.node, one.start_s): (two.entered or 0) - (one.entered or 0)
        for one, two in zip(empty.records, busy.records, strict=True)
    }
    ten, midnight = int(at("2026-06-10T10:00")), int(at("2026-06-10T00:00"))
    assert {key: value for key, value in differences.items() if value} == {
        ("north", Node.HOUR, ten): 3,
        ("north", Node.DAY, midnight): 3,
        ("south", Node.HOUR, ten): 2,
        ("south", Node.DAY, midnight): 2,
    }


def test_exits_are_counted_only_when_asked_for_and_stand_apart() -> None:
    with_exits = Level(Profile.STANDARD, exits=True)
    quiet, busy = Device(level=with_exits), Device(level=with_exits)
    for device, crossings in ((quiet, []), (busy, [crossing(direction="out")] * 5)):
        device.watch(at("2026-06-10T10:00"), at("2026-06-10T11:00"), crossings)
    one, two = hours(quiet.records)[-1], hours(busy.records)[-1]
    assert (one.exits, one.entered) == (True, two.entered)
    assert one.exited is not None
    assert two.exited == one.exited + 5
    assert all(record.exited is None for record in Device().watch(at("2026-06-10T10:00"), at("2026-06-10T11:00")))


def test_every_bin_starts_at_a_noise_of_its_own() -> None:
    device = Device()
    records = device.watch(at("2026-06-10T00:00"), at("2026-06-14T00:00"), step_s=60)
    released = [record.entered for record in hours(records)]
    assert len(released) == 96
    assert len(set(released)) > 10
    assert {record.coverage_s for record in records} == {0}, "frames a minute apart are no watching"


def test_after_a_power_cut_open_bins_are_lost_and_never_drawn_again() -> None:
    device = Device()
    device.watch(at("2026-06-10T00:00"), at("2026-06-10T09:15"))
    device.start()
    records = device.watch(at("2026-06-10T11:30"), at("2026-06-11T00:00"))
    lost = [record for record in records if record.state is State.LOST]
    assert [(record.node, record.start_s) for record in lost] == [
        (Node.HOUR, int(at("2026-06-10T09:00"))),
        (Node.HOUR, int(at("2026-06-10T10:00"))),
        (Node.DAY, int(at("2026-06-10T00:00"))),
    ]
    assert all(record.entered is None and record.coverage_s == 0 for record in lost)
    assert len(hours(device.records)) == 24, "all hours of the day are told of, once"
    eleven = next(record for record in hours(records) if record.start_s == int(at("2026-06-10T11:00")))
    assert (eleven.state, eleven.coverage_s) == (State.RELEASED, 1800)


def test_an_orderly_stop_releases_what_it_has_and_does_not_count_the_rest_again() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T09:30"))
    device.store(device.aggregator.close(Moment(at("2026-06-10T09:30"), device.monotonic_s, ClockQuality.SYNCED)))
    device.start()
    device.watch(at("2026-06-10T09:31"), at("2026-06-10T10:59"), [crossing()] * 1000)
    nine = [record for record in hours(device.records) if record.start_s == int(at("2026-06-10T09:00"))]
    assert [(record.state, record.coverage_s) for record in nine] == [(State.RELEASED, 1800)]
    assert abs(nine[0].entered or 0) < 100
    assert len(days(device.records)) == 1


@pytest.mark.parametrize("back_s", [1, 240, 3599, 7200, 86_400 * 3])
def test_a_clock_set_back_never_reopens_a_bin(back_s: int) -> None:
    device = Device()
    device.watch(at("2026-06-10T00:00"), at("2026-06-10T12:20"), step_s=60)
    device.watch(at("2026-06-10T12:20") - back_s, at("2026-06-10T14:00"), step_s=60)  # Device.store checks each bin
    assert {record.state for record in hours(device.records)} == {State.RELEASED}


def test_a_small_step_back_over_the_hour_costs_nothing() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T10:00") + 2)
    device.watch(at("2026-06-10T10:00") - 2, at("2026-06-10T11:00") + 4)
    assert [(record.state, record.coverage_s) for record in hours(device.records)] == [(State.RELEASED, 3600)] * 2


def test_a_clock_that_was_a_year_ahead_silences_nothing_for_a_year() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T09:10"))
    device.watch(at("2027-06-10T09:00"), at("2027-06-10T09:10"))
    device.watch(at("2026-06-10T09:20"), at("2026-06-11T01:00"))
    released = {record.start_s for record in hours(device.records) if record.state is State.RELEASED}
    expected = {int(at("2026-06-10T09:00")) + 3600 * number for number in range(16)}
    assert expected <= released | {int(at("2026-06-10T09:00"))}


def test_while_the_clock_is_unset_nothing_is_counted() -> None:
    device = Device()
    assert device.watch(5.0, 4000.0, [crossing()], clock=ClockQuality.UNSET) == []
    assert device.rows == {}
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T10:00"))
    assert len(hours(device.records)) == 1


def test_a_record_tells_the_weakest_of_what_it_was_made_with() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T09:20"), accelerator=Accelerator.EDGE_TPU)
    device.watch(at("2026-06-10T09:21"), clock=ClockQuality.ESTIMATED, accelerator=Accelerator.CPU)
    device.watch(at("2026-06-10T09:22"), at("2026-06-10T11:00"), accelerator=Accelerator.EDGE_TPU)
    quality = [(record.accelerator, record.clock) for record in hours(device.records)]
    assert quality == [(Accelerator.CPU, ClockQuality.ESTIMATED), (Accelerator.EDGE_TPU, ClockQuality.SYNCED)]


def test_time_without_frames_is_not_coverage() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T09:14"))
    device.monotonic_s += 1800
    device.watch(at("2026-06-10T09:45"), at("2026-06-10T10:00"))
    assert hours(device.records)[0].coverage_s == 1800


def test_a_new_level_holds_from_the_next_local_midnight() -> None:
    device = Device()
    device.watch(at("2026-06-10T00:00"), at("2026-06-10T12:00"), step_s=60)
    device.aggregator.change_level(Level(Profile.STRICT, exits=True))
    device.watch(at("2026-06-10T12:01"), at("2026-06-12T00:00"), step_s=60)
    levels = {(record.day.day, record.profile, record.exits) for record in device.records}
    assert levels == {(10, Profile.STANDARD, False), (11, Profile.STRICT, True)}


def test_an_open_bin_has_no_text_form() -> None:
    device = Device()
    device.watch(at("2026-06-10T09:00"), at("2026-06-10T09:10"), [crossing()] * 123_456)
    shown = repr(vars(device.aggregator)) + str([vars(one) for one in vars(device.aggregator)["_series"]])
    assert "1234" not in shown


def test_after_a_long_time_off_the_missed_bins_are_told_for_a_month() -> None:
    device = Device()
    device.watch(at("2026-01-10T00:00"), at("2026-01-10T00:10"))
    device.start()
    lost = device.watch(at("2026-06-10T12:00"))
    assert len(hours(lost)) == 1 + 31 * 24
    assert len(days(lost)) == 1 + 31


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["watch", "cut", "stop", "jump"]),
            st.integers(-90_000, 90_000),
            st.integers(1, 30_000),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_happens_every_bin_is_accounted_for_at_most_once(story: list[tuple[str, int, int]]) -> None:
    """`Device.store` fails on a bin that is opened or told of twice."""
    device = Device("north", "south")
    now = at("2026-03-28T09:00")
    for act, jump_s, length_s in story:
        if act == "jump":
            now += jump_s
        if act == "cut":
            device.start()
            now += abs(jump_s)
        if act == "stop":
            device.store(device.aggregator.close(Moment(now, device.monotonic_s, ClockQuality.SYNCED)))
        device.watch(now, now + length_s, step_s=300)
        now += length_s
    open_rows = [row for row in device.rows.values() if row.open]
    assert len(open_rows) <= 4, "at most one bin of each door and kind is open"
    for record in device.records:
        assert day_at(BERLIN, record.start_s).day == record.day


def test_counting_loads_neither_cryptography_nor_cbor() -> None:
    check = "import sys, safecount.counting.aggregator; print(sorted({'cbor2', 'cryptography'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
