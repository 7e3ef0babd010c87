"""What the whole device costs: memory of its three processes while they count, and what it writes to disk in a day.

The processes are the real ones, with the default model and a real clip shown in real time. Memory is the proportional set
size (proc(5), smaps_rollup): pages that processes share are split among them, so that the sum is what they take
together. Prints figures for the machine it runs on.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.delivery.uploader import upload_once
from safecount.edges.litert import DEFAULT_MODEL, load_card
from safecount.edges.spool_db import SpoolDb
from safecount.errors import SafecountError
from safecount.wire.keyset import Role
from safecount.wire.values import BinOpened, CountRecord, Node
from safecount_ops.assets import find_asset
from simulators.collector import MemoryCollector
from simulators.device import DeviceFolder, wait_until
from simulators.keys import keyset, reader, signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.records import HEALTH_RECORD, HOUR_RECORD
from simulators.tls import Authority

ROLES = ("vision", "seal", "uplink")
DAY_S = 86_400
BARS = {"memory_mb": 200, "written_mb": 10}


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:"))) / 1024


def memory(folder: Path, seconds: float) -> None:
    """Start the three processes as they are started on a door, let them count, and weigh them."""
    card = load_card(DEFAULT_MODEL)
    device = DeviceFolder(folder)
    clip, model = find_asset("vtest"), find_asset(DEFAULT_MODEL)
    (folder / "models").mkdir()
    (folder / "models" / card.file).symlink_to(model)
    device.configure(
        f'[upload]\nround_s = 2.0\n[health]\nfirst_after_s = 1.0\n[clip]\nfile = "{clip}"\n'
        f'[model]\nfolder = "{folder / "models"}"\n'
    )
    authority = Authority(folder)
    collector = LoopbackCollector(MemoryCollector(signing_key("device").public_key()))
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        device.enrol(stack.enter_context(collector.serving(authority)), authority, ("north", "south"))
        started_s = time.monotonic()
        processes = {role: stack.enter_context(device.running(role, log)) for role in ROLES}
        wait_until(lambda: "being counted" in (folder / "log").read_text(), "frames are counted", 60)
        print(f"From the start of all three to the first frame: {time.monotonic() - started_s:.1f} s")
        most = dict.fromkeys(ROLES, 0.0)
        for _ in range(int(seconds)):
            time.sleep(1)
            most = {role: max(most[role], memory_mb(process.pid)) for role, process in processes.items()}
        wait_until(lambda: collector.store.stored, "records arrive")
    print(f"Memory while counting with {DEFAULT_MODEL}, the largest of {seconds:.0f} s")
    for role, mb in most.items():
        print(f"  {role:<8} {mb:6.1f} MB")
    print(f"  together {sum(most.values()):6.1f} MB (to reach: {BARS['memory_mb']})")


def written_bytes() -> int:
    """What this process has caused to be sent to the disk (proc(5), io)."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def a_day_on_disk(folder: Path, doors: int) -> None:
    """A day: bins opened and released, health, and a visit an hour that drops what it has receipts for."""
    sealer = Sealer("counter-7", signing_key("device"), keyset(reader("controller").recipient(Role.CONTROLLER)))
    collector = MemoryCollector(signing_key("device").public_key())
    names = [f"door {number}" for number in range(doors)]
    path = folder / f"day-{doors}.db"
    SpoolDb(path, new_epoch=1).close()
    before = written_bytes()
    with SpoolDb(path, new_epoch=1) as seal:
        for hour in range(24):
            for door in names:
                store_bin(seal, sealer, replace(HOUR_RECORD, door=door, start_s=HOUR_RECORD.start_s + hour * 3600))
            if hour % 6 == 0:
                record(seal, sealer, HEALTH_RECORD, 0)
            visit(path, collector)
        for door in names:
            store_bin(seal, sealer, replace(HOUR_RECORD, door=door, node=Node.DAY, length_s=DAY_S))
        visit(path, collector)
    told = f"{doors} doors, {len(collector.stored)} envelopes, their receipts, ledger and chain"
    print(f"  {told}: {(written_bytes() - before) / 1e6:.2f} MB (to reach: {BARS['written_mb']})")


def visit(path: Path, collector: MemoryCollector) -> None:
    """What the uplink process does once an hour: it opens the spool anew each time."""
    with SpoolDb(path, new_epoch=None) as spool:
        upload_once(spool, collector, "counter-7", [signing_key("collector").public_key()])
        assert not spool.waiting()


def store_bin(spool: SpoolDb, sealer: Sealer, whole: CountRecord) -> None:
    record(spool, sealer, BinOpened(whole.door, whole.node, whole.start_s, whole.start_s + whole.length_s), 0)
    record(spool, sealer, whole, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long to count (default: %(default)s)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(dir=".") as name:
        print("Written to disk in a day of hourly records, by the whole device")
        for doors in (1, 2, 4):
            a_day_on_disk(Path(name), doors)
        try:
            memory(Path(name).resolve(), seconds)
        except SafecountError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
