"""`safecount-ops simulate`."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount.wire.keyset import Keyset
from safecount.wire.uplink import MAX_BATCH
from safecount_ops.assets import find_asset
from safecount_ops.collector.intake import read_receipt_key
from safecount_ops.collector.settings import read_settings
from safecount_ops.controller import keysets
from safecount_ops.controller.home import existing
from safecount_ops.controller.keys import load_root_public, new_reader_key
from safecount_ops.controller.progress import work_bar
from safecount_ops.simulate.crowd import ASSET, PlaceDay, read_crowds
from safecount_ops.simulate.fleet import A_DAY, SimulatedDevice, enrol, live
from safecount_ops.simulate.load import Load, send_all

FOLDER = click.Path(path_type=Path, file_okay=False)
_SEALERS = 8


@click.command("simulate")
@click.argument("collector", type=FOLDER)
@click.option("--devices", type=click.IntRange(1, 20_000), default=50, show_default=True)
@click.option("--days", type=click.IntRange(1, 365), default=2, show_default=True, help="That each device brings.")
@click.option("--url", help="Where devices come to (default: what the collector's settings say).")
@click.option(
    "--at-once", type=click.IntRange(1, 500), default=16, show_default=True, help="Devices that send at once."
)
@click.option(
    "--batch", type=click.IntRange(1, MAX_BATCH), default=MAX_BATCH, show_default=True, help="Envelopes a visit."
)
@click.option("--controller", type=FOLDER, help="Seal for the readers of this controller (default: for nobody).")
def command(  # noqa: PLR0917 - click hands its options over by name
    collector: Path, devices: int, days: int, url: str | None, at_once: int, batch: int, controller: Path | None
) -> None:
    """Send real envelopes of many devices to a collector on this machine, as fast as it takes them, and tell how fast.

    COLLECTOR is its folder: the devices are let in there, and stay known. Never use one that serves real devices.
    """
    settings, now_s = read_settings(collector), int(time.time())
    if url is None and settings.devices.port == 0:
        raise UsageError("The collector takes any free port: say with --url which one it has taken.")
    where = url or f"https://{settings.devices.host}:{settings.devices.port}"
    receipt_key = read_receipt_key(settings.keys / "receipt.key.pem").public_key()
    keyset = _keyset(controller, receipt_key.public_bytes_raw(), now_s)
    crowds = read_crowds(find_asset(ASSET))
    with tempfile.TemporaryDirectory(prefix="safecount-simulate-") as name:
        fleet = enrol(settings, where, Path(name), devices, now_s)
        total = _live(fleet, keyset, crowds, days, now_s)
        with work_bar("Send", total) as bar:
            load = send_all(fleet, receipt_key, at_once, batch, lambda done: bar(done, total))
    print("\n".join(summary(load, devices)))


def _keyset(controller: Path | None, receipt_key: bytes, now_s: int) -> Keyset:
    if controller is None:
        return keysets.first(new_reader_key().public_key, None, receipt_key, now_s)
    home = existing(controller)
    return keysets.latest(home, load_root_public(home))[0]


def _live(fleet: list[SimulatedDevice], keyset: Keyset, crowds: list[PlaceDay], days: int, now_s: int) -> int:
    """Fill all spools; gives how many envelopes there are."""
    yesterday = datetime.fromtimestamp(now_s, UTC).date() - timedelta(days=1)
    places: dict[str, list[PlaceDay]] = {}
    for one in crowds:
        places.setdefault(one.place, []).append(one)
    of_place = list(places.values())
    total = 0
    with ThreadPoolExecutor(_SEALERS) as pool, work_bar("Seal", len(fleet) * days * A_DAY) as bar:
        chosen = [
            _days(of_place[number % len(of_place)], number // len(of_place), days) for number in range(len(fleet))
        ]
        for sealed in pool.map(
            lambda job: live(job[0], keyset, job[1], yesterday, now_s), zip(fleet, chosen, strict=True)
        ):
            total += sealed
            bar(total, len(fleet) * days * A_DAY)
    return total


def _days(of_place: list[PlaceDay], turn: int, days: int) -> list[PlaceDay]:
    """Consecutive days of a place, others for each turn."""
    first = turn * days % len(of_place)
    return list(islice((of_place[(first + number) % len(of_place)] for number in range(days)), days))


def summary(load: Load, devices: int) -> list[str]:
    """What came of it, a line a fact."""
    rate = load.receipts / max(load.took_s, 1e-9)
    lines = [
        f"{load.receipts} envelopes of {devices} devices have their receipts: {load.took_s:.1f} s, {rate:.0f} a second.",
        f"A visit took {load.visit_s(0.5) * 1e3:.0f} ms, and 99 of 100 at most {load.visit_s(0.99) * 1e3:.0f} ms.",
    ]
    lines += [f"{times} visits brought nothing: {kind.value}." for kind, times in load.failures.most_common()]
    return lines + ([f"{load.refused} envelopes were refused for good."] if load.refused else [])
