"""The other ends of the emulated device, real and on this machine: the operator's collector, the controller, and the installer
with a serial cable.
"""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boot.board import Board, BootError
from safecount.counting.values import LineSettings
from safecount_ops.__main__ import main
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.count_commands import load_keys, open_all, whole_table
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.home import Home
from safecount_ops.controller.https import CollectorClient
from safecount_ops.controller.key_commands import create
from safecount_ops.controller.keys import ReaderKey, load_root_public
from safecount_ops.controller.pull import pull
from safecount_ops.controller.table import Row
from safecount_ops.controller.verify import Fault, verify
from safecount_ops.desk import local_collector
from safecount_ops.desk.local_collector import LocalCollector

HOST_AS_THE_GUEST_SEES_IT = "10.0.2.2"
LABEL = re.compile(r"(SL1:[A-Z0-9 $%*+\-./:]+)[\r\n]")
LINES = tuple(LineSettings(f"x{x:g}", "door", (x, 0.0), (x, 1.0), "left") for x in (0.58, 0.64, 0.7, 0.76))
"""As many lines of one door as a code may have, so that a short clip gives a count that stands out of its noise."""


@dataclass
class Shop:
    """Where the device's records go, and who reads them."""

    folder: Path
    home: Home
    collector: LocalCollector
    keys: list[ReaderKey]

    @property
    def url(self) -> str:
        port = self.collector.devices_url.rpartition(":")[2]
        return f"https://{HOST_AS_THE_GUEST_SEES_IT}:{port}"

    def site_code(self, label: str) -> str:
        """What the operator does with the label of a device."""
        out = self.folder / "site.txt"
        arguments = [
            "site-qr",
            str(self.collector.folder),
            "--url",
            self.url,
            "--root",
            str(self.home.keys / "root.pub"),
        ]
        arguments += [
            "--site",
            "station",
            "--zone",
            "UTC",
            "--profile",
            "accurate",
            "--label",
            label,
            "--out",
            str(out),
        ]
        for line in LINES:
            (x1, y1), (x2, y2) = line.start, line.end
            arguments += ["--line", f"{line.door}={x1},{y1}:{x2},{y2}:{line.in_side}"]
        if main(arguments) != 0:
            raise BootError("site-qr made no code")
        return out.read_text(encoding="ascii").strip()

    def enrol(self, board: Board, within_s: float) -> None:
        """What the installer does: read the label over the serial cable, and paste the code."""
        until_s = time.monotonic() + within_s
        while not (found := LABEL.search(board.console.decode(errors="replace"))):
            if time.monotonic() > until_s:
                raise BootError(f"the device does not tell its label:\n{board.last_words()}")
            board.type("label")
            for _ in range(10):
                board.listen(0.3)
        board.type(self.site_code(found[1].strip()))
        board.wait_for("enrolled: The device belongs to its site.", max(1.0, until_s - time.monotonic()))

    def hours(self) -> dict[int, Row]:
        """What the controller has of each hour, by when it began (UTC seconds)."""
        with CollectorClient(self.home.collector()) as source, Archive(self.home.archive) as archive:
            pull(source, archive, self.home.folder, int(time.time()), lambda *_: None, least_free_bytes=1 << 26)
            for one in archive.known_keys():
                archive.compared(one.device, one.key, int(time.time()))  # the installer has seen the label
        with Counts(self.home.counts) as counts:
            open_all(self.home, counts, self.keys)
            return {row.start_s: row for row in whole_table(counts).hours}

    def faults(self) -> tuple[Fault, ...]:
        """What the controller finds wrong with the chain."""
        with Archive(self.home.archive, read_only=True) as archive:
            return tuple(verify(archive, lambda _: None).faults)


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """A collector that serves, with the keyset of a controller."""
    phrase = secrets.token_urlsafe(24)
    receipt_key = local_collector.create(
        folder / "collector", "--name", "127.0.0.1", "--name", HOST_AS_THE_GUEST_SEES_IT
    )
    home = create(folder / "controller", receipt_key, None, phrase, int(time.time()))
    with local_collector.serving(folder / "collector") as collector:
        collector.trust(load_root_public(home))
        home.write_collector(collector.address())
        if main(["controller", "keyset", "publish", str(home.folder)]) != 0:
            raise BootError("the keyset could not be published")
        yield Shop(folder, home, collector, load_keys(home, (), phrase))
