"""`controller remove-old`, `forget` and `remember`."""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click

from safecount.errors import UsageError
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.count_commands import opened
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.export import write_parquet_days
from safecount_ops.controller.home import Home, existing
from safecount_ops.controller.progress import work_bar
from safecount_ops.controller.removal import Removals
from safecount_ops.controller.table import make_table

FOLDER = click.Path(path_type=Path, file_okay=False)
DAY_S = 86_400


@click.command("remove-old")
@click.argument("folder", type=FOLDER)
@click.option("--days", required=True, type=click.IntRange(1), help="Remove what was pulled more days ago than this.")
@click.option("--counts", "counts_too", is_flag=True, help="Remove what those envelopes told, too.")
def remove_old(folder: Path, days: int, *, counts_too: bool) -> None:
    """Remove old envelopes that were opened, and with --counts what they told. `verify` tells them from losses."""
    home, now_s = opened(folder), int(time.time())
    with Removals(home.archive) as removals, Counts(home.counts) as counts:
        portions = removals.old(now_s - days * DAY_S, counts.opened_up_to(), counts.could_not_open())
        touched = {site for one in portions for site in counts.sites_of(one.device)} if counts_too else set()
        with work_bar("Remove", len(portions)) as bar:
            for number, portion in enumerate(portions, 1):
                if counts_too:
                    counts.forget(portion.device, portion.epoch, portion.up_to)
                removals.remove(portion, now_s)
                bar(number, len(portions))
        removals.scrub()
        _write_again(home, counts, touched)
    print(f"{sum(one.count for one in portions)} envelopes of {len(portions)} chains removed.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--device", metavar="NAME", help="All of this device.")
@click.option("--site", metavar="NAME", help="All devices that have told of this site, and of no other.")
@click.option("--confirm", metavar="NAME", help="The same name once more, in place of being asked for it.")
def forget(folder: Path, device: str | None, site: str | None, confirm: str | None) -> None:
    """Remove for good what is here of a device or site, its counts too. Prints a confirmation to keep."""
    if (device is None) == (site is None):
        raise UsageError("Name what to forget: --device NAME or --site NAME.")
    home, name = opened(folder), device or site or ""
    with Removals(home.archive) as removals, Counts(home.counts) as counts:
        devices = _only_of(counts, name) if device is None else [_known(home, name)]
        if confirm is None:
            print(f"All envelopes and counts of {', '.join(devices)} are removed for good, here and not in backups.")
            confirm = click.prompt("Type its name to go on", default="", show_default=False)
        if confirm != name:
            raise UsageError(f"Nothing was forgotten: {confirm!r} is not {name!r}.")
        for one in devices:
            touched = set(counts.sites_of(one))
            counts.forget(one)
            _write_again(home, counts, touched)
            count = removals.forget(one, int(time.time()))
            print(f"Forgotten at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {one}, {count} envelopes and their counts.")
        removals.scrub()
    print("The archive keeps the names and times of this. To have the collector erase them: collector erase --device")


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("device")
def remember(folder: Path, device: str) -> None:
    """Pull DEVICE, which was forgotten, again."""
    with Removals(existing(folder).archive) as removals:
        if not removals.remember(device):
            raise UsageError(f"The device {device} was not forgotten here.")


def _known(home: Home, device: str) -> str:
    with Archive(home.archive, read_only=True) as archive:
        if not archive.known_keys(device):
            raise UsageError(f"There is no device {device} in {home.archive}.")
    return device


def _only_of(counts: Counts, site: str) -> list[str]:
    """The devices of a site; UsageError if there is no such site, or one of them has told of another."""
    devices = counts.devices_of(site)
    if not devices:
        raise UsageError(f"No device has told of a site {site}.")
    for one in devices:
        if others := [other for other in counts.sites_of(one) if other != site]:
            raise UsageError(
                f"{one} has told of {', '.join(others)}, too, and its envelopes are one chain: forget it with --device {one}, "
                "or keep it."
            )
    return devices


def _write_again(home: Home, counts: Counts, sites: set[str]) -> None:
    """The Parquet files of some sites as the counts are now."""
    for site in sorted(sites):
        shutil.rmtree(home.table / f"site={quote(site, safe='')}", ignore_errors=True)
        if told := counts.told(site):
            write_parquet_days(home.table, make_table(told))
