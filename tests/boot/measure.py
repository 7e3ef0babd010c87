"""`make bench-boot`: what is asked of an emulated device while it counts, measured in one start. It prints a table, and ends
with 1 while a bar is missed. The times are those of an idle machine only when this machine is idle.
"""

import json
import os
import platform
import re
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from boot.bench import SERVICES, Bench, open_bench
from boot.board import Board
from safecount.edges.model_settings import ModelSettings

COUNTS_FOR_ITS_SITE = (
    "python3 -c \"import sqlite3, sys; sys.exit(not sqlite3.connect('file:/var/lib/safecount/spool/spool.db?mode=ro', uri=True)"
    ".execute('SELECT COUNT(*) FROM ledger WHERE open = 1').fetchone()[0])\""
)
ACTIONS = "power, ask for the label, hand it to the operator, paste the site code"
OUT = Path("build/bench/boot.json")
ALONE = (
    "import glob, numpy; from ai_edge_litert.interpreter import Interpreter; "
    f"Interpreter(glob.glob('{ModelSettings().folder}/*')[0]).allocate_tensors()"
)
ALONE_UNIT = f"""[Service]
Type=oneshot
RemainAfterExit=yes
Restart=no
WatchdogSec=0
ExecStart=
ExecStart=/usr/bin/python3 -I -c "{ALONE}"
"""

Row: TypeAlias = tuple[str, float, float | None, str]
"""What, how much, at most how much if that is asked for, unit."""


def measure_first_day(bench: Bench) -> Iterator[Row]:
    """From a flashed card to a device that counts for its site, by what an installer does."""
    began_s = time.monotonic()
    bench.begin()
    bench.board.until(COUNTS_FOR_ITS_SITE, 200)
    yield f"a flashed card to enrolled and counting ({ACTIONS})", time.monotonic() - began_s, 180, "s"


def measure(bench: Bench) -> Iterator[Row]:
    """Each figure of a device that counts."""
    board = bench.board
    board.until("journalctl -b -q -u safecount-vision -g 'Frames are being counted'", 400)
    first = board.ask("journalctl -b -q -o short-monotonic -u safecount-vision -g 'Frames are being counted'")
    yield "power to the first counted frame", float(re.findall(r"\[ *([\d.]+)\]", first)[0]), 45, "s"
    board.until("systemctl is-active " + " ".join(f"safecount-{name}" for name in SERVICES), 400)
    took_s = starts_s(board)
    slowest = max(took_s, key=lambda unit: took_s[unit])
    yield f"the slowest unit of ours ({slowest.removeprefix('safecount-')})", took_s[slowest], 3, "s"
    pss = 0
    for name in SERVICES:
        told = board.ask(f"grep -h ^Pss: /proc/$(systemctl show -P MainPID safecount-{name})/smaps_rollup")
        pss += int(re.findall(r"Pss: +(\d+)", told)[0])
    yield "memory of all our services while counting (proportional set size)", pss / 1024, 200, "MB"
    failed = board.ask("systemctl list-units --failed --no-legend --plain")
    yield "failed units", len(failed.split("\n")) if failed.strip() else 0, 0, ""
    yield "TCP ports open to others", len(board.open_ports()), 0, ""
    restarts = board.ask("systemctl show -P NRestarts " + " ".join(f"safecount-{name}" for name in SERVICES[1:]))
    yield (
        "restarts of all units of ours but vision, which ends with its clip",
        sum(map(int, re.findall(r"^\d+$", restarts, re.MULTILINE))),
        0,
        "",
    )


def measure_alone(board: Board) -> Iterator[Row]:
    """What no counting process gets below: its libraries and its model, in its sandbox, read for the first time."""
    unit = b64encode(ALONE_UNIT.encode()).decode()
    board.ask(f"echo {unit} | base64 -d | systemctl edit --runtime --stdin --drop-in=alone.conf safecount-vision", 60)
    board.ask(
        "systemctl stop safecount-vision && echo 3 > /proc/sys/vm/drop_caches; systemctl start safecount-vision", 120
    )
    took_s = starts_s(board)["safecount-vision.service"]
    yield "vision.service with nothing but Python, numpy, LiteRT and the model", took_s, None, "s"


def starts_s(board: Board) -> dict[str, float]:
    """How long the last start of each unit of ours took."""
    blame = board.ask("systemd-analyze blame --no-pager | grep safecount-", 300)
    return {line.split()[-1]: seconds(line) for line in blame.splitlines() if "safecount-" in line}


def seconds(line: str) -> float:
    """A line of `systemd-analyze blame`: 1min 2.345s UNIT, or 45ms UNIT."""
    units = {"min": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(min|ms|s)\b", line))


def main() -> int:
    met = True
    with tempfile.TemporaryDirectory(prefix="safecount-boot-") as folder, open_bench(Path(folder)) as bench:
        rows = [*measure_first_day(bench)]
        bench.power(1)
        rows += measure(bench)
        rows += measure_alone(bench.board)
    lines = [f"`make bench-boot` on {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}:\n"]
    lines += ["| what | measured | at most | |", "|---|---|---|---|"]
    for what, measured, most, unit in rows:
        asked, verdict = "", ""
        if most is not None:
            asked, verdict = f"{most:g} {unit}", "pass" if measured <= most else "**miss**"
            met = met and measured <= most
        lines.append(f"| {what} | {measured:.3g} {unit} | {asked} | {verdict} |")
    sys.stdout.write("\n".join(lines) + "\n")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps([row[:3] for row in rows], indent=1) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
