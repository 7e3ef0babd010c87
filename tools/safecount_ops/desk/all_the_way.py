"""From a counted clip to the controller's report, over real parts: the seal and the uplink process of a device, a
collector on this machine, and a controller, in a temporary folder that is gone afterwards.

Only the counting process is replaced: it hands over, through the same socket, what it would on a day at a door (day.py).
"""

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safecount.edges.clock import boot_id
from safecount.edges.record_socket import RecordClient, Reply, SealUnreachable
from safecount.edges.spool_db import SpoolDb
from safecount.errors import SafecountError
from safecount.wire.values import CountRecord
from safecount_ops.controller import keysets
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.count_commands import load_keys, open_all, write_report
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.export import rows_of, write_export
from safecount_ops.controller.home import Home
from safecount_ops.controller.https import CollectorClient
from safecount_ops.controller.key_commands import create
from safecount_ops.controller.keys import load_root_public
from safecount_ops.controller.progress import work_bar
from safecount_ops.controller.pull import pull
from safecount_ops.controller.report import people
from safecount_ops.controller.table import Table
from safecount_ops.desk import local_collector
from safecount_ops.desk.day import STEPS, ZONE, ClipDay, Door, doors_of, messages_of, short
from safecount_ops.desk.local_collector import LocalCollector, last_line, stop
from safecount_ops.desk.result import ClipResult

DEVICE = "desk-1"
WITHIN_S = 60.0
_LOOK_S = 0.05
# Health is due at once, so that it is sealed before the first record and `_deliver` waits for it too.
_SETTINGS = """
[folders]
state = "{folder}/state"
run = "{folder}/run"
[upload]
round_s = 0.5
first_retry_s = 0.2
longest_retry_s = 1.0
[health]
first_after_s = 0.0
"""
_LINE = """
[[line]]
name = {door}
door = {door}
start = [{start[0]}, {start[1]}]
end = [{end[0]}, {end[1]}]
in_side = "{in_side}"
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What has come out at the other end, and the day that went in."""

    day: ClipDay
    table: Table
    report: Path
    rows: Path
    envelopes: int


def go_all_the_way(result: ClipResult, out: Path) -> Arrived:
    """Send the clip's counts as yesterday's from a device to a controller, and leave its report and table in `out`.

    Raises:
        SafecountError: a part of the way does not work; the text says which.
    """
    yesterday = (datetime.now(ZONE) - timedelta(days=1)).date()
    day = ClipDay(short(result.clip), doors_of(result), result.collected.duration_s, yesterday)
    phrase = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="safecount-") as name, ExitStack() as parts:
        folder = Path(name)
        with work_bar("Start a collector and a device", 4) as bar:
            receipt_key = local_collector.create(folder / "collector")
            bar(1, 4)
            home = create(folder / "controller", receipt_key, None, phrase, int(time.time()))
            collector = parts.enter_context(local_collector.serving(folder / "collector"))
            bar(2, 4)
            collector.trust(load_root_public(home))
            home.write_collector(collector.address())
            bar(3, 4)
            device = _enrolled(folder / "device", day, collector, home)
            parts.enter_context(_role("seal", device))
            parts.enter_context(_role("uplink", device))
        envelopes = _send(device, day, f"line-1/{result.model}")
        _deliver(device, envelopes)
        table = _read(home, phrase, day, out / "counts.html")
        write_export(out / "counts.csv", "csv", rows_of(table))
    return Arrived(day, table, out / "counts.html", out / "counts.csv", envelopes)


def _enrolled(folder: Path, day: ClipDay, collector: LocalCollector, home: Home) -> Path:
    """Lay a device out as provisioning leaves it; gives its settings file."""
    for part in ("state/seal", "state/spool", "state/uplink", "state/site", "state/update", "run/seal"):
        (folder / part).mkdir(parents=True)
    signing, tls = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    certificate = collector.enrol(DEVICE, signing.public_key(), tls.public_key())
    root = load_root_public(home)
    files = {
        "seal/signing.pem": signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "seal/root.pub": root.public_bytes_raw(),
        "seal/keyset.cbor": keysets.latest(home, root)[1],
        "uplink/tls.key.pem": tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "uplink/tls.cert.pem": certificate,
        "uplink/ca.pem": collector.ca_file.read_bytes(),
        "site/site.toml": _site(day, collector.devices_url).encode(),
    }
    for name, content in files.items():
        (folder / "state" / name).write_bytes(content)
    settings = folder / "safecount.toml"
    settings.write_text(_SETTINGS.format(folder=folder) + _line(day.doors[0]), encoding="utf-8")
    return settings


def _site(day: ClipDay, url: str) -> str:
    head = f'device = "{DEVICE}"\nsite = {_text(day.site)}\nzone = "{ZONE.key}"\ncollector = "{url}"\n'
    return head + "".join(map(_line, day.doors))


def _line(door: Door) -> str:
    line = door.line
    return _LINE.format(door=_text(door.name), start=line.start, end=line.end, in_side=line.in_side)


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _role(role: str, settings: Path) -> Iterator[None]:
    """A process of the device, stopped in order at the end; what it logs lies beside its settings."""
    command = [sys.executable, "-m", "safecount", role, "--settings", str(settings)]
    with settings.with_name(f"{role}.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        stop(process)


def _send(settings: Path, day: ClipDay, rule: str) -> int:
    """Hand the day over to the seal process; gives how many envelopes of counts are on disk after it."""
    socket = settings.parent / "run" / "seal" / "record.sock"
    _wait_for(socket.exists, "The seal process did not start", settings.with_name("seal.log"))
    sealed = 0
    with RecordClient(socket) as client, work_bar("Seal", STEPS) as bar:
        coming = messages_of(day, rule, boot_id(), client.welcome.ledger, secrets.randbelow)
        for number, messages in enumerate(coming, 1):
            for message in messages:
                if client.send(message) is not Reply.STORED:
                    raise SealUnreachable("The seal process could not store a record: is the disk full?")
                sealed += isinstance(message, CountRecord)
            bar(number, STEPS)
    return sealed


def _deliver(settings: Path, envelopes: int) -> None:
    """Wait until the collector has given a receipt for every envelope."""
    spool_file = settings.parent / "state" / "spool" / "spool.db"
    with SpoolDb(spool_file, new_epoch=None) as spool, work_bar("Upload", envelopes) as bar:

        def all_sent() -> bool:
            waiting = spool.waiting()
            bar(max(0, envelopes - waiting), envelopes)
            return waiting == 0

        _wait_for(all_sent, "The collector did not take the envelopes", settings.with_name("uplink.log"))


def _read(home: Home, phrase: str, day: ClipDay, report: Path) -> Table:
    """What the controller does: pull, open, and look."""
    with CollectorClient(home.collector()) as source, Archive(home.archive) as archive, work_bar("Pull", 0) as bar:
        done = pull(source, archive, home.folder, int(time.time()), bar, least_free_bytes=1 << 26)
        for one in archive.known_keys():
            archive.compared(one.device, one.key, int(time.time()))  # made on this machine a moment ago
    if done.findings:
        raise SafecountError(f"The collector {done.findings[0].misdeed.value}.")
    with Counts(home.counts) as counts:
        open_all(home, counts, load_keys(home, (), phrase))
    known = {
        (door.name, start_s): float(n)
        for door in day.doors
        if door.true_s is not None
        for start_s, n in day.by_hour(door.true_s).items()
    }
    return write_report(home, report, f"Who came in: {day.site}", truth=known)


def _wait_for(holds: Callable[[], bool], what: str, log: Path) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > until_s:
            raise SafecountError(f"{what} within {WITHIN_S:.0f} s: {last_line(log)}.")
        time.sleep(_LOOK_S)


def summary(arrived: Arrived) -> list[str]:
    """A line a door: the estimate, what the counter saw, and the truth where it is known."""
    shown = f"The clip as {arrived.day.day}, again and again in slow motion:"
    lines = [f"All the way: {arrived.envelopes} records sealed, sent, stored, pulled and opened. {shown}"]
    for door in arrived.day.doors:
        row = next((row for row in arrived.table.days if row.door == door.name), None)
        if row is None or row.entered is None:
            raise SafecountError(f"The day of {door.name} has not come through.")
        saw = len(arrived.day.moments(door.counted_s))
        true = f", really {len(arrived.day.moments(door.true_s))}" if door.true_s is not None else ""
        lines.append(f"  {door.name}: {people(row.entered)} came in (counted {saw}{true})")
    return lines
