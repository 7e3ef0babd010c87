"""How fast the controller opens what it has pulled: real envelopes of many devices, on all cores, killed once on the way.

Sealing them beforehand is not measured. The opening process is killed at a third (SIGKILL), and started again: what it
then does once more is at most what was in work. Prints figures for the machine it runs on.
"""

import argparse
import os
import platform
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from safecount.wire.envelope import parse_envelope, verify_envelope
from safecount.wire.keyset import Role
from safecount.wire.values import CountRecord
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.export import write_parquet_days
from safecount_ops.controller.keys import reader_key
from safecount_ops.controller.opening import open_archive
from safecount_ops.controller.progress import work_bar
from safecount_ops.controller.table import make_table, zone_of
from simulators.chains import chain_of
from simulators.keys import keyset, reader, signing_key
from simulators.records import HOUR_RECORD

CORES = os.cpu_count() or 1
A_DEVICE = 2000
CONTROLLER = reader("controller")
KILLED_AT = 1 / 3


def records_of(device: int, count: int) -> Iterator[CountRecord]:
    """Hour after hour of one door."""
    zone = zone_of(HOUR_RECORD.zone)
    for number in range(count):
        start_s = HOUR_RECORD.start_s + 3600 * number
        day = datetime.fromtimestamp(start_s, zone).date()
        yield replace(HOUR_RECORD, site=f"site {device}", start_s=start_s, day=day, entered=number)


def sealed(device: int, count: int) -> list[bytes]:
    return chain_of(f"counter-{device}", records_of(device, count), keyset(CONTROLLER.recipient(Role.CONTROLLER)))


def fill(archive: Archive, total: int) -> None:
    """Put `total` envelopes into the archive, A_DEVICE of each device."""
    amounts = [min(A_DEVICE, total - done) for done in range(0, total, A_DEVICE)]
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool, work_bar("Seal", total) as bar:
        done = 0
        for device, raws in enumerate(pool.map(sealed, range(len(amounts)), amounts)):
            key = signing_key(f"counter-{device}").public_key()
            archive.learn(f"counter-{device}", key.public_bytes_raw(), 0)
            archive.keep([verify_envelope(parse_envelope(raw), key) for raw in raws], 0)
            done += len(raws)
            bar(done, total)


def open_all(folder: Path) -> None:
    with (
        Archive(folder / "archive.db", read_only=True) as archive,
        Counts(folder / "counts.db") as counts,
        work_bar("Open", archive.last_number() - counts.opened_up_to()) as bar,
    ):
        open_archive(archive, counts, [reader_key(CONTROLLER.seed)], bar, CORES)


def opened(folder: Path) -> int:
    with suppress(Exception), Counts(folder / "counts.db") as counts:  # not made yet
        return counts.count()
    return 0


def killed_on_the_way(folder: Path, total: int) -> tuple[float, int]:
    """Open until a third is there, and kill it; the seconds that it took, and how many are there."""
    process = get_context("spawn").Process(target=open_all, args=(folder,))
    began = time.perf_counter()
    process.start()
    while opened(folder) < total * KILLED_AT:
        time.sleep(0.2)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    return time.perf_counter() - began, opened(folder)


def table(folder: Path) -> int:
    """The Parquet files, site by site."""
    with Counts(folder / "counts.db") as counts:
        return sum(write_parquet_days(folder / "table", make_table(counts.told(site))) for site in counts.sites())


def measure(folder: Path, total: int) -> None:
    with Archive(folder / "archive.db") as archive:
        fill(archive, total)
    size_gb = (folder / "archive.db").stat().st_size / 1e9
    print(
        f"{total} envelopes of {-(-total // A_DEVICE)} devices, {size_gb:.2f} GB, on {CORES} cores ({platform.machine()})"
    )
    first_s, there = killed_on_the_way(folder, total)
    print(f"  killed after {first_s:.0f} s with {there} opened, and started again:")
    began = time.perf_counter()
    open_all(folder)
    rest_s = time.perf_counter() - began
    with Counts(folder / "counts.db") as counts:
        count, refused = counts.count(), len(counts.refused())
    if (count, refused) != (total, 0):
        raise SystemExit(f"{count} of {total} were opened and {refused} refused: that is wrong.")
    spent_s = first_s + rest_s
    print(f"  all {count} opened once, none refused, in {spent_s:.0f} s: {total / spent_s:.0f} a second")
    began = time.perf_counter()
    files = table(folder)
    print(f"  Parquet by site and day: {files} files in {time.perf_counter() - began:.0f} s")
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"  largest memory of any one process: {largest / 1024:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envelopes", type=int, default=1_000_000)
    asked = parser.parse_args()
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as name:
        measure(Path(name), asked.envelopes)


if __name__ == "__main__":
    main()
