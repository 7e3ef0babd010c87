"""The table that people work with: a row for each hour and each local day of each door, with its estimate, interval,
and what is known about it. Hours without a record have a row that says so: "no data" is never zero.

Pure over opened records.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safecount.wire.values import HOUR_S, CountRecord, Node, State
from safecount_ops.controller.counts import Told
from safecount_ops.controller.reconcile import DayFit, Estimate, fit_day, total

MAX_MISSING_HOURS = 24 * 400
"""Longer holes are told as one event, not as a row an hour: a device with a wrong clock must not make a million."""
WATCHED_MOST = 0.9


class Status(StrEnum):
    """What is known of an hour or a day."""

    COUNTED = "counted"
    PARTLY = "partly counted"
    LOST = "lost"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Row:
    """An hour ("hour") or a local day ("day") of a door.

    `start_s` and `length_s` are UTC seconds; `watched_s` is the time watched, in steps of 300 s. `entered` and `exited`
    are None where nothing is known. `noisy_entered` and `noisy_exited` are the device's own numbers, as it sent them.
    """

    site: str
    door: str
    kind: str
    start_s: int
    length_s: int
    day: date
    zone: str
    status: Status
    entered: Estimate | None
    exited: Estimate | None
    noisy_entered: int | None
    noisy_exited: int | None
    watched_s: int
    accelerator: str
    clock: str
    rule: str
    device: str

    @property
    def local(self) -> datetime:
        return datetime.fromtimestamp(self.start_s, zone_of(self.zone))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a reader of the table should know, in one sentence."""

    at_s: int
    site: str
    door: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by door and time, hours and days apart, and events by time."""

    hours: tuple[Row, ...]
    days: tuple[Row, ...]
    events: tuple[Event, ...]


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a record; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def make_table(told: Sequence[Told]) -> Table:
    """The table of opened records (of one site, or of many)."""
    hours: list[Row] = []
    days: list[Row] = []
    events: list[Event] = []
    by_door = sorted(told, key=lambda one: (one.record.site, one.record.door, one.record.start_s, one.device))
    for _, group in groupby(by_door, key=lambda one: (one.record.site, one.record.door)):
        of_door = list(group)
        events += _events(of_door)
        known, doubled = _hour_rows(of_door)
        events += doubled
        filled = [*known, *_missing(known, events)]
        filled.sort(key=lambda row: row.start_s)
        hours += filled
        days += _day_rows(filled, _fits(of_door), of_door)
    return Table(tuple(hours), tuple(days), tuple(sorted(events, key=lambda one: (one.at_s, one.door))))


_Fits = dict[tuple[str, date], DayFit]


def _fits(of_door: Sequence[Told]) -> _Fits:
    """Each device and local day fitted on its own: the noise of another device is another."""
    ordered = sorted(of_door, key=lambda one: (one.device, one.record.day))
    return {
        place: fit_day([one.record for one in group])
        for place, group in groupby(ordered, key=lambda one: (one.device, one.record.day))
    }


def _hour_rows(of_door: Sequence[Told]) -> tuple[list[Row], list[Event]]:
    """A row for each hour that was told of; where two devices tell of one, that which watched longer."""
    fits = _fits(of_door)
    best: dict[int, Told] = {}
    doubled: list[Event] = []
    for one in of_door:
        if one.record.node is not Node.HOUR:
            continue
        before = best.get(one.record.start_s)
        if before is not None and before.record.state is one.record.state is State.RELEASED:
            doubled.append(
                _event(
                    one,
                    f"{before.device} and {one.device} both counted this hour; the one that watched longer is used.",
                )
            )
        if before is None or _worth(one.record) > _worth(before.record):
            best[one.record.start_s] = one
    return [_hour_row(one, fits[one.device, one.record.day]) for one in best.values()], doubled


def _worth(record: CountRecord) -> tuple[bool, int]:
    return record.state is State.RELEASED, record.coverage_s


def _hour_row(one: Told, fit: DayFit) -> Row:
    record = one.record
    entered, exited = fit.hours.get(record.start_s, (None, None))
    enough = record.coverage_s >= WATCHED_MOST * record.length_s
    status = Status.LOST if record.state is State.LOST else Status.COUNTED if enough else Status.PARTLY
    return Row(
        site=record.site,
        door=record.door,
        kind="hour",
        start_s=record.start_s,
        length_s=record.length_s,
        day=record.day,
        zone=record.zone,
        status=status,
        entered=entered,
        exited=exited,
        noisy_entered=record.entered,
        noisy_exited=record.exited,
        watched_s=min(record.coverage_s, record.length_s),
        accelerator=record.accelerator.name.lower(),
        clock=record.clock.name.lower(),
        rule=record.rule,
        device=one.device,
    )


def _missing(known: Sequence[Row], events: list[Event]) -> Iterator[Row]:
    """A row for each hour between two known ones that no record tells of."""
    for before, after in pairwise(sorted(known, key=lambda row: row.start_s)):
        start_s, end_s = before.start_s + before.length_s, after.start_s
        if end_s <= start_s:
            continue
        text = f"No record of {(end_s - start_s) / HOUR_S:g} hours: not sent yet, removed, or from before the ledger."
        events.append(Event(start_s, before.site, before.door, text))
        if end_s - start_s > MAX_MISSING_HOURS * HOUR_S:
            continue
        for at_s in range(start_s, end_s, HOUR_S):
            yield Row(
                site=before.site,
                door=before.door,
                kind="hour",
                start_s=at_s,
                length_s=min(HOUR_S, end_s - at_s),
                day=datetime.fromtimestamp(at_s, zone_of(before.zone)).date(),
                zone=before.zone,
                status=Status.MISSING,
                entered=None,
                exited=None,
                noisy_entered=None,
                noisy_exited=None,
                watched_s=0,
                accelerator="none",
                clock="unset",
                rule="",
                device="",
            )


def _day_rows(hours: Sequence[Row], fits: _Fits, of_door: Sequence[Told]) -> Iterator[Row]:
    """A row for each local day: the fitted sum where one device tells it whole, else the sum of the hours there are."""
    noisy = {(one.device, one.record.day): one.record for one in of_door if one.record.node is Node.DAY}
    for day, group in groupby(hours, key=lambda row: row.day):
        rows = list(group)
        counted = [row for row in rows if row.entered is not None]
        devices = sorted({row.device for row in counted})
        entered, exited = _day_estimates(counted, fits.get((devices[0], day)) if len(devices) == 1 else None)
        own = noisy.get((devices[0], day)) if len(devices) == 1 else None
        yield Row(
            site=rows[0].site,
            door=rows[0].door,
            kind="day",
            start_s=rows[0].start_s,
            length_s=sum(row.length_s for row in rows),
            day=day,
            zone=rows[0].zone,
            status=_day_status(rows),
            entered=entered,
            exited=exited,
            noisy_entered=own.entered if own else None,
            noisy_exited=own.exited if own else None,
            watched_s=sum(row.watched_s for row in rows),
            accelerator=min((row.accelerator for row in counted), key=_ACCELERATORS.index, default="none"),
            clock=min((row.clock for row in counted), key=_CLOCKS.index, default="unset"),
            rule=", ".join(sorted({row.rule for row in counted})),
            device=", ".join(devices),
        )


_ACCELERATORS = ("none", "cpu", "edge_tpu")
_CLOCKS = ("unset", "estimated", "synced")


def _day_estimates(counted: Sequence[Row], fit: DayFit | None) -> tuple[Estimate | None, Estimate | None]:
    if fit is not None and fit.whole is not None:
        return fit.whole
    exited = [row.exited for row in counted if row.exited is not None]
    entered = [row.entered for row in counted if row.entered is not None]
    return total(entered) if entered else None, total(exited) if exited and len(exited) == len(entered) else None


def _day_status(rows: Sequence[Row]) -> Status:
    states = {row.status for row in rows}
    if states == {Status.COUNTED}:
        return Status.COUNTED
    if states & {Status.COUNTED, Status.PARTLY}:
        return Status.PARTLY
    return Status.LOST if Status.LOST in states else Status.MISSING


def _events(of_door: Sequence[Told]) -> Iterator[Event]:
    """Restarts, new chains, other devices, other rules, lost bins: what changed from one hour to the next."""
    hours = [one for one in of_door if one.record.node is Node.HOUR]
    for before, now in pairwise(hours):
        if before.device != now.device:
            yield _event(now, f"Counted by {now.device} from here on, before by {before.device}.")
        elif before.epoch != now.epoch:
            yield _event(now, f"{now.device} has lost its memory and begun a new chain.")
        elif before.record.boot != now.record.boot:
            yield _event(now, f"{now.device} was started again.")
        if before.record.rule != now.record.rule:
            yield _event(now, f"Counted by rule {now.record.rule} from here on, before by {before.record.rule}.")
        if before.record.profile is not now.record.profile:
            yield _event(now, f"Privacy level {now.record.profile.name.lower()} from here on: other intervals.")
    for state, group in groupby(hours, key=lambda one: one.record.state):
        if state is State.LOST:
            lost = list(group)
            what = "An hour was" if len(lost) == 1 else f"{len(lost)} hours were"
            yield _event(lost[0], f"{what} lost (power cut, or nobody watched): there is no count and never will be.")


def _event(one: Told, text: str) -> Event:
    return Event(one.record.start_s, one.record.site, one.record.door, text)


def iso(utc_s: int) -> str:
    """UTC seconds as 2026-06-10T09:00:00Z."""
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
