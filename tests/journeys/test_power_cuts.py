"""The spool after a power cut at any moment, by the system calls that a real run of it makes.

strace(1) writes down every write and sync of a process that stores records and drops them for receipts. From that log the
disk is built as a cut would leave it: what was synced is there; of what was written after, any part may be there or not, whole
or torn at a sector, in any order. Then the spool is opened, and must hold all that was acknowledged, and nothing twice.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from debian import need
from safecount.delivery.recorder import Verdict, record
from safecount.delivery.sealer import Sealer
from safecount.edges.spool_db import SpoolDb
from safecount.wire.chain import Step, classify, next_link, start_of
from safecount.wire.envelope import parse_envelope
from safecount.wire.keyset import Role
from safecount.wire.receipt import Receipt
from safecount.wire.values import BinOpened, Node
from simulators.keys import keyset, reader, signing_key
from simulators.records import HOUR_RECORD

SECTOR = 512
ACKNOWLEDGED, RECEIPTED = "acknowledged", "receipted"
CALL = re.compile(r"^\d+ +(\w+)\((?:\d+<([^<>]*)(?:<[^>]*>)?>)?(.*)\) += (-?\d+)")


def live(path: Path, records: int) -> None:
    """Store hour after hour, and drop what is sent for its receipts, telling of each by a write to /dev/null."""
    sealer = Sealer("counter-7", signing_key("device"), keyset(reader("controller").recipient(Role.CONTROLLER)))
    with Path("/dev/null").open("wb", buffering=0) as told, SpoolDb(path, new_epoch=1) as spool:
        for number in range(records):
            start_s = HOUR_RECORD.start_s + number * 3600
            record(spool, sealer, BinOpened("north", Node.HOUR, start_s, start_s + 3600), 0)
            assert record(spool, sealer, replace(HOUR_RECORD, start_s=start_s), 0) is Verdict.STORED
            told.write(ACKNOWLEDGED.encode())
            if number % 24 == 23:
                batch = spool.unsent(16)
                spool.drop([Receipt("counter-7", one.epoch, one.sequence, one.digest, 7) for one in batch])
                told.write(f"{RECEIPTED} {batch[-1].sequence}".encode())


@dataclass
class DiskFile:
    """A file of the log: what a sync has made certain, and what was written since then (offset and bytes)."""

    certain: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, offset: int, content: bytes) -> None:
        self.since.append((offset, content))

    def truncate(self, size: int) -> None:
        self.since.append((size, b""))

    def sync(self) -> None:
        for offset, content in self.since:
            _put(self.certain, offset, content)
        self.since.clear()

    def after_cut(self, draw: Random) -> bytes:
        """What the disk may hold: each later write is there, is not, or is torn."""
        left = bytearray(self.certain)
        for offset, content in self.since:
            fate = draw.random()
            if fate < 0.45:
                _put(left, offset, content)
            elif fate < 0.75 and content:
                for start in range(0, len(content), SECTOR):
                    if draw.random() < 0.5:
                        _put(left, offset + start, content[start : start + SECTOR])
        return bytes(left)


def _put(disk: bytearray, offset: int, content: bytes) -> None:
    if not content:
        del disk[offset:]
        return
    disk.extend(bytes(max(0, offset + len(content) - len(disk))))
    disk[offset : offset + len(content)] = content


def calls(log: Path) -> Iterator[tuple[str, str, str, int]]:
    """Name of the call, path of its file, arguments after it, result."""
    with log.open(encoding="ascii") as lines:
        for line in lines:
            if found := CALL.match(line):
                yield found[1], _text(f'"{found[2] or ""}"').decode(), found[3], int(found[4])


@dataclass
class Disk:
    """All files of the spool's folder, and what the process had told when the log was read so far."""

    folder: Path
    files: dict[str, DiskFile] = field(default_factory=dict)
    acknowledged: int = 0
    receipted: int = 0

    def take(self, name: str, path: str, arguments: str, result: int) -> None:
        if path == "/dev/null" and name == "write":
            told = _text(arguments).decode()
            self.acknowledged += told == ACKNOWLEDGED
            self.receipted = int(told.split()[1]) if told.startswith(RECEIPTED) else self.receipted
            return
        if name == "unlink":
            assert result == 0
            self.files.pop(Path(_text(arguments).decode()).name, None)
        elif Path(path).parent == self.folder and result >= 0 and not path.endswith("-shm"):
            file = self.files.setdefault(Path(path).name, DiskFile())
            match name:
                case "pwrite64":
                    *_, size, offset = arguments.split(", ")
                    content = _text(arguments)
                    assert len(content) == int(size) == result
                    file.write(int(offset), content)
                case "ftruncate":
                    file.truncate(int(arguments.lstrip(", ")))
                case "fsync" | "fdatasync":
                    file.sync()
                case _:
                    raise AssertionError(f"the spool is written by {name}, which is not understood here")

    def cut(self, folder: Path, draw: Random) -> Path:
        for name, file in self.files.items():
            (folder / name).write_bytes(file.after_cut(draw))
        return folder / "spool.db"


def _text(arguments: str) -> bytes:
    """The bytes of the first string in arguments that strace wrote in hexadecimal."""
    return ast.literal_eval("b" + arguments[arguments.index('"') : arguments.rindex('"') + 1])  # type: ignore[no-any-return]


def traced(folder: Path, records: int) -> Path:
    log = folder / "calls.log"
    (folder / "spool").mkdir()
    command = [need("strace"), "-f", "-y", "-xx", "-s", "70000", "-o", str(log)]
    command += ["-e", "trace=write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,unlink,rename"]
    command += [sys.executable, __file__, str(folder / "spool" / "spool.db"), str(records)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(Path(__file__).parents[1])}, stderr=subprocess.DEVNULL)
    return log


def survive_cuts(folder: Path, records: int, share: float, draw: Random) -> int:
    """Cut the power after some of the calls of a life; how many times."""
    disk = Disk(folder / "spool")
    cuts = 0
    for call in calls(traced(folder, records)):
        if disk.acknowledged and draw.random() < share:
            with TemporaryDirectory(dir=folder) as place:
                check(disk.cut(Path(place), draw), disk)
            cuts += 1
        disk.take(*call)
    assert disk.acknowledged == records, "the whole log was understood"
    return cuts


def check(path: Path, disk: Disk) -> None:
    with SpoolDb(path, new_epoch=99) as spool:
        batch = spool.unsent(100_000)
        head = spool.head()
        done_s = sum(row.end_s - row.start_s for row in spool.ledger() if not row.open)
    assert disk.acknowledged <= head.sequence <= disk.acknowledged + 1, (
        "all that was acknowledged, and at most one more"
    )
    assert done_s == 3600 * head.sequence, "each stored record accounts for its hour"
    last = None
    for one in batch:
        header = parse_envelope(one.raw).header
        assert last is None or classify(last, header) is Step.NEXT
        last = next_link(header, one.raw)
    assert (last or start_of(1)) == head
    assert batch[0].sequence <= disk.receipted + 17, "nothing is dropped before its receipt"


def test_a_power_cut_at_any_moment_leaves_all_that_was_acknowledged(tmp_path: Path) -> None:
    assert survive_cuts(tmp_path, 60, 0.3, Random("cuts")) > 100


@pytest.mark.soak
def test_ten_thousand_power_cuts_leave_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Long enough for the log of the database to be carried over and begun anew several times."""
    cuts = 0
    for part in range(10):
        place = tmp_path / str(part)
        place.mkdir()
        cuts += survive_cuts(place, 700, 0.065, Random(f"cuts {part}"))
    assert cuts >= 10_000


if __name__ == "__main__":
    live(Path(sys.argv[1]), int(sys.argv[2]))
