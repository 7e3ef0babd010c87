"""Opens data partitions as a start does, after a power cut, and tells what is in their spools: `judge_cuts.py DEVICE ...`.

Prints one JSON map: for each device what had to be done to it, the spool's integrity, the place of its chain's head, and each
envelope's place and SHA-256; or what went wrong, in words. A program for the device's own Python.
"""

import json
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from safecount.edges.data_disk import DataDisk
from safecount.errors import SafecountError

MOUNTED = Path("/run/judged")
MAPPED = Path("/dev/mapper/judged")


class WholeDisk(DataDisk):
    """A data partition that is a disk of its own."""

    @property
    def partition(self) -> Path:
        return self.disk


def judge(device: Path) -> dict[str, object]:
    opened = WholeDisk(device, mapped=MAPPED.name).open(None)
    try:
        does("mount", "-t", "ext4", MAPPED, MOUNTED)
        try:
            return {"opened": opened.name, **spool()}
        finally:
            does("umount", MOUNTED)
    finally:
        does("cryptsetup", "close", MAPPED.name)


def spool() -> dict[str, object]:
    database = sqlite3.connect(f"file:{MOUNTED}/spool/spool.db?mode=rw", uri=True)
    try:
        integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
        head = database.execute("SELECT epoch, sequence FROM state").fetchone()
        stored = database.execute("SELECT epoch, sequence, raw FROM envelopes").fetchall()
    finally:
        database.close()
    envelopes = [[epoch, sequence, sha256(raw).hexdigest()] for epoch, sequence, raw in stored]
    return {"integrity": integrity, "head": head, "envelopes": envelopes}


def does(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")


def main(devices: list[str]) -> None:
    MOUNTED.mkdir(exist_ok=True)
    told: dict[str, object] = {}
    for device in devices:
        try:
            told[device] = judge(Path(device))
        except (OSError, sqlite3.Error, SafecountError) as error:
            seen = sorted(str(file.relative_to(MOUNTED)) for file in MOUNTED.rglob("*"))
            told[device] = {"wrong": f"{error} {seen}"}
    sys.stdout.write(json.dumps(told) + "\n")


main(sys.argv[1:])
