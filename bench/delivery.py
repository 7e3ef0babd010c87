"""What it costs to seal, sign, chain and store one record, beside other tools for the same ends, in one run.

Rounds are interleaved and the median of their means is printed, so that a busy machine touches all alike. Sealing is
measured in CPU time, which waits for nobody else's work, and beside its floor: the bare X-Wing and Ed25519 operations.
Storing waits for the disk, and is measured by the clock. Prints figures for the machine it runs on; a Raspberry Pi is
some times slower.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nacl.public
import persistqueue
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.delivery.recorder import record
from safecount.delivery.sealer import Sealer
from safecount.edges.spool_db import SpoolDb
from safecount.wire.chain import start_of
from safecount.wire.keyset import Role
from safecount.wire.record import BODY_BYTES, encode_count, pad_body
from safecount.wire.suite import SUITE, load_public_key
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD

ROUNDS = 15
DOORS = ("north", "south")
DAY_S = 86_400


def compare(
    unit: str, calls: int, rivals: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> None:
    """Time `calls` calls of each rival in turn, ROUNDS times."""
    means: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, rival in rivals.items():
            start = clock()
            for _number in range(calls):
                rival()
            means[name].append((clock() - start) / calls * 1e3)
    for name, figures in means.items():
        print(f"  {name:<58} {statistics.median(figures):8.3f} {unit}  (best {min(figures):.3f})")


def sealing() -> None:
    controller, backup = reader("controller").recipient(Role.CONTROLLER), reader("backup").recipient(Role.BACKUP)
    one = Sealer("counter-7", signing_key("device"), keyset(controller))
    two = Sealer("counter-7", signing_key("device"), keyset(controller, backup))
    last, body = start_of(1), pad_body(encode_count(HOUR_RECORD))
    age = [pyrage.x25519.Identity.generate().to_public() for _ in range(2)]
    boxes = [nacl.public.SealedBox(nacl.public.PrivateKey.generate().public_key) for _ in range(2)]
    signer, public_key = Ed25519PrivateKey.generate(), load_public_key(controller.public_key)
    info, payload = bytes(130), bytes(4000)
    print(f"Seal a body of {BODY_BYTES} bytes (ours by X-Wing, against quantum computers too; the others by X25519)")
    compare(
        "ms of CPU",
        50,
        {
            "the bare operations, 1 reader: X-Wing, Ed25519": lambda: (
                SUITE.encrypt(body, public_key, info=info),
                signer.sign(payload),
            ),
            "safecount, 1 reader: seal, sign, chain, fixed 4 KiB": lambda: one.seal_count(HOUR_RECORD, last, 0),
            "safecount, 2 readers: seal, sign, chain, fixed 4 KiB": lambda: two.seal_count(HOUR_RECORD, last, 0),
            "safecount, health: sign, chain, fixed 4 KiB": lambda: one.seal_health(HEALTH_RECORD, last),
            "age (pyrage), 1 reader: seal": lambda: pyrage.encrypt(body, age[:1]),
            "age (pyrage), 1 reader: seal, Ed25519": lambda: signer.sign(pyrage.encrypt(body, age[:1])),
            "age (pyrage), 2 readers: seal, Ed25519": lambda: signer.sign(pyrage.encrypt(body, age)),
            "libsodium sealed box (pynacl), 1 reader: seal": lambda: boxes[0].encrypt(body),
            "libsodium sealed box (pynacl), 1 reader: seal, Ed25519": lambda: signer.sign(boxes[0].encrypt(body)),
        },
        time.process_time,
    )


def storing(folder: Path) -> None:
    sealer = Sealer("counter-7", signing_key("device"), keyset(reader("controller").recipient(Role.CONTROLLER)))
    raw = sealer.seal_health(HEALTH_RECORD, start_of(1)).raw
    queue = persistqueue.SQLiteQueue(str(folder / "queue"), auto_commit=True)
    queue._conn.execute("PRAGMA synchronous=FULL")  # noqa: SLF001 - it has no setting for it
    plain = persistqueue.SQLiteQueue(str(folder / "plain"), auto_commit=True)
    files = persistqueue.Queue(str(folder / "files"), autosave=True)
    with SpoolDb(folder / "spool.db", new_epoch=1) as spool:
        print("Store an envelope of 4 KiB so that it survives a power cut (ours seals and signs it, too)")
        compare(
            "ms",
            40,
            {
                "safecount spool: sign, chain, append, synced": lambda: record(spool, sealer, HEALTH_RECORD, 0),
                "persist-queue SQLiteQueue, synchronous=FULL set by hand": lambda: queue.put(raw),
                "persist-queue SQLiteQueue as it ships (not each put synced)": lambda: plain.put(raw),
                "persist-queue file Queue, autosave": lambda: files.put(raw),
            },
        )


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as name:
        sealing()
        storing(Path(name))
    print(f"Largest memory of this run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
