"""`controller open`, `export` and `report`."""

import os
import time
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount_ops.controller import passphrase
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.charts import Truth
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.export import WRITERS, rows_of, write_export, write_parquet_days
from safecount_ops.controller.home import Home, existing, make_folder, write_private
from safecount_ops.controller.keys import ReaderKey, load_reader_key, reader_files
from safecount_ops.controller.opening import open_archive
from safecount_ops.controller.progress import work_bar
from safecount_ops.controller.pull_commands import statement_text
from safecount_ops.controller.report import Heading, render
from safecount_ops.controller.table import Table, make_table
from safecount_ops.controller.verify import verify

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
SHOWN = 20


class _Day(click.ParamType[date]):
    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007 - a day
        except ValueError:
            self.fail(f"{value} is no day; write it as 2026-06-10.", param, ctx)


first_option = click.option("--from", "first", type=_Day(), help="First local day.")
last_option = click.option("--to", "last", type=_Day(), help="Last local day.")
site_option = click.option("--site", "sites", multiple=True, help="Only this site; may be given again.")


@click.command("open")
@click.argument("folder", type=FOLDER)
@click.option("--again", is_flag=True, help="Try those once more that could not be opened before, as with another key.")
@click.option("--key", "key_files", type=FILE, multiple=True, help="Another reader-ID.age of the same pass-phrase.")
@passphrase.option
def open_command(folder: Path, key_files: tuple[Path, ...], passphrase_file: Path | None, *, again: bool) -> None:
    """Open what came since the last time, and bring FOLDER's table up to date. Uses all cores; may be interrupted."""
    home = existing(folder)
    if not home.archive.exists():
        raise UsageError(f"There is no archive in {folder} yet: pull first.")
    keys = load_keys(home, key_files, passphrase.ask(passphrase_file, "the reader keys"))
    with Counts(home.counts) as counts:
        print("\n".join(open_all(home, counts, keys, again=again)))


def load_keys(home: Home, more: tuple[Path, ...], phrase: str) -> list[ReaderKey]:
    """Every reader key of the folder, and others; UsageError if there is none."""
    listed = [*reader_files(home), *more]
    if not listed:
        raise UsageError(f"There is no reader key in {home.keys}: bring one back, or name it with --key.")
    return [load_reader_key(file, phrase) for file in listed]


def open_all(home: Home, counts: Counts, keys: list[ReaderKey], *, again: bool = False) -> list[str]:
    """Open, write the Parquet files, and say what it came to, a line a fact."""
    if again:
        counts.try_refused_again()
    before, place = counts.count(), counts.opened_up_to()
    with Archive(home.archive, read_only=True) as archive, work_bar("Open", archive.last_number() - place) as bar:
        seen = open_archive(archive, counts, keys, bar, os.cpu_count() or 1)
    files = write_table(home, counts, place)
    lines = [f"{seen} envelopes looked at, {counts.count() - before} new counts; {files} days written in {home.table}."]
    return lines + refusal_text(counts)


def write_table(home: Home, counts: Counts, place: int) -> int:
    """Bring the Parquet files up to date with what was opened after `place`, or after the last time that this was done.

    One site is in memory at a time. Gives how many files were written.
    """
    make_folder(home.table)
    try:
        place = min(place, int(home.written.read_text(encoding="ascii")))
    except (OSError, ValueError):  # never done, or cut before it was: then all
        place = 0
    written, sites = 0, counts.sites(place)
    with work_bar("Write", len(sites)) as bar:
        for number, site in enumerate(sites, 1):
            written += write_parquet_days(home.table, make_table(counts.told(site)))
            bar(number, len(sites))
    write_private(home.written, str(counts.opened_up_to()).encode())
    return written


def refusal_text(counts: Counts) -> list[str]:
    """What gave no count, a line an envelope."""
    refused = counts.refused()
    if not refused:
        return []
    kinds = Counter(one.why for one in refused)
    lines = [f"{count} gave no count: each {why.text}." for why, count in kinds.items()]
    lines += [f"  {one.device}, epoch {one.epoch}, envelope {one.sequence} {one.why.text}." for one in refused[:SHOWN]]
    return lines + ([f"  ... and {len(refused) - SHOWN} more."] if len(refused) > SHOWN else [])


def whole_table(
    counts: Counts, sites: tuple[str, ...] = (), first: date | None = None, last: date | None = None
) -> Table:
    """The table of some sites and days, or of all; UsageError for a site that is not there."""
    there = counts.sites()
    for site in sites:
        if site not in there:
            raise UsageError(f"There is no site {site}; there are: {', '.join(there) or 'none, open first'}.")
    return make_table([told for site in sites or there for told in counts.told(site, first, last)])


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("file", type=FILE)
@click.option("--format", "kind", type=click.Choice(sorted(WRITERS)), help="Else by the file's ending.")
@first_option
@last_option
@site_option
def export(  # noqa: PLR0917 - click hands its options over by name
    folder: Path, file: Path, kind: str | None, first: date | None, last: date | None, sites: tuple[str, ...]
) -> None:
    """Write the table into FILE: CSV, JSON, Parquet or SQLite."""
    chosen = kind or file.suffix.removeprefix(".")
    if chosen not in WRITERS:
        raise UsageError(f"Name the format of {file} with --format: {', '.join(sorted(WRITERS))}.")
    with Counts(opened(folder).counts) as counts:
        rows = rows_of(whole_table(counts, sites, first, last))
    write_export(file, chosen, rows)
    print(f"{len(rows)} rows in {file}.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("file", type=FILE)
@click.option("--title", default="Who came in", show_default=True)
@first_option
@last_option
@site_option
def report(  # noqa: PLR0917 - click hands its options over by name
    folder: Path, file: Path, title: str, first: date | None, last: date | None, sites: tuple[str, ...]
) -> None:
    """Write a report to look at into FILE, one HTML page."""
    home = opened(folder)
    write_report(home, file, title, sites, (first, last))
    print(f"Report: {file.absolute()}")


def write_report(
    home: Home,
    file: Path,
    title: str,
    sites: tuple[str, ...] = (),
    days: tuple[date | None, date | None] = (None, None),
    *,
    truth: Truth | None = None,
) -> Table:
    """Write the report, with what `verify` says of the archive; gives the table that it shows."""
    with Counts(home.counts) as counts:
        table = whole_table(counts, sites, *days)
    if not table.days:
        raise UsageError("There are no counts of these days: pull and open first.")
    with Archive(home.archive, read_only=True) as archive:
        total = archive.count()
        with work_bar("Verify", total) as bar:
            verdict = statement_text(verify(archive, lambda checked: bar(checked, total)))
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.absolute().parent} to write {file.name} into.")
    write_private(file, render(table, verdict, Heading(title, int(time.time())), truth).encode())
    return table


def opened(folder: Path) -> Home:
    """A controller's folder with opened counts; UsageError otherwise."""
    home = existing(folder)
    if not home.counts.exists():
        raise UsageError(f"Nothing is opened in {folder} yet: `safecount-ops controller open {folder}` first.")
    return home
