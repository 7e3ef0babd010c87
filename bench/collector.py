"""How much the collector takes, durably, and what it does under twice as much, with SQLite and with PostgreSQL.

Real processes over TLS 1.3 on loopback, real envelopes, each device with its certificate. First as fast as eight devices can
in turn (`capacity`), then offered twice that at a constant rate for a while (`overload`): what finds no room is told 429 and
sent again at the device's next turn, as devices do. At the end every receipt is held against what is stored. The senders run
on the same machine as the collector and its database, and take their share of it.
"""

import argparse
import http.client
import os
import random
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH, decode_answer, encode_batch
from safecount_ops.collector.authority import Authority, private_pem
from safecount_ops.collector.database import Database
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.tables import envelope
from simulators.chains import health_chain
from simulators.device import KEYSET
from simulators.keys import signing_key
from simulators.postgres import postgres_cluster
from simulators.running_collector import RunningCollector, running_collector

BATCH = 16
DEVICES = 32
SENDERS = 8
"""Connections in turn at capacity."""
LIMITS = "[limits]\ndevice_per_minute = 1000000\ndevice_burst = 1000000\nrequests = {requests}\n"


@dataclass
class Told:
    """What a sender was told: seconds of each answer that gave receipts, how many receipts, and how often 429."""

    seconds: list[float] = field(default_factory=list)
    receipts: int = 0
    later: int = 0
    other: int = 0

    def add(self, more: "Told") -> None:
        self.seconds += more.seconds
        self.receipts += more.receipts
        self.later += more.later
        self.other += more.other


class Sender:
    """One device with a connection that stays open, and its chain in batches."""

    def __init__(self, port: int, folder: Path, name: str, batches: list[bytes]) -> None:
        context = ssl.create_default_context(cafile=str(folder / "keys" / "ca.pem"))
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        self.batches = batches
        self.told = Told()

    def close(self) -> None:
        self._connection.close()

    def send(self) -> None:
        """One request; a batch that was told 429 stays the next one."""
        began_s = time.perf_counter()
        self._connection.request("POST", ENVELOPES_PATH, self.batches[0], {"Content-Type": CONTENT_TYPE})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            self.told.later += 1
        elif answer.status == 200:
            self.told.seconds.append(time.perf_counter() - began_s)
            self.told.receipts += len(decode_answer(body).receipts)
            self.batches.pop(0)
        else:
            self.told.other += 1


def prepare(collector: RunningCollector, database: Path | str, envelopes: int) -> dict[str, list[bytes]]:
    """Devices with certificates, and the batches of each: `envelopes` in all."""
    store, authority, made = Database(database), Authority(collector.folder / "keys"), {}
    registry, each = Registry(store), envelopes // DEVICES // BATCH * BATCH
    for number in range(DEVICES):
        name = f"bench-{number}"
        registry.add_device(name, "default", signing_key(name).public_key().public_bytes_raw(), int(time.time()))
        key = ec.generate_private_key(ec.SECP256R1())
        (collector.folder / f"{name}.key").write_bytes(private_pem(key))
        (collector.folder / f"{name}.pem").write_bytes(authority.issue_device(key.public_key(), name))
        chain = health_chain(name, each, KEYSET)
        made[name] = [encode_batch(chain[at : at + BATCH]) for at in range(0, each, BATCH)]
    store.close()
    return made


def in_turn(senders: list[Sender], seconds: float) -> float:
    """Each sends as soon as it has its answer. Requests a second that gave receipts."""
    until_s = time.perf_counter() + seconds
    began_s = time.perf_counter()

    def run(sender: Sender) -> None:
        while time.perf_counter() < until_s and sender.batches:
            sender.send()

    _all_at_once([threading.Thread(target=run, args=(one,)) for one in senders])
    return sum(len(one.told.seconds) for one in senders) / (time.perf_counter() - began_s)


def at_a_rate(senders: list[Sender], requests_per_s: float, seconds: float) -> float:
    """Each at its own times, which together are `requests_per_s`, whatever it is answered. The rate that was reached."""
    every_s, sent = len(senders) / requests_per_s, [0] * len(senders)
    began_s = time.perf_counter()

    def run(index: int) -> None:
        due_s = began_s + random.random() * every_s  # noqa: S311 - no secret
        while due_s < began_s + seconds and senders[index].batches:
            time.sleep(max(0.0, due_s - time.perf_counter()))
            senders[index].send()
            sent[index] += 1
            due_s += every_s

    _all_at_once([threading.Thread(target=run, args=(index,)) for index in range(len(senders))])
    return sum(sent) / (time.perf_counter() - began_s)


def _all_at_once(threads: list[threading.Thread]) -> None:
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _memory_mib(pids: list[int]) -> float:
    kib = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                kib += int(line.split()[1])
    return kib / 1024


def _family(pid: int) -> list[int]:
    return [pid, *(int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@contextmanager
def _watched(pids: list[int], samples: list[float]) -> Iterator[None]:
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            samples.append(_memory_mib(pids))

    watcher = threading.Thread(target=look)
    watcher.start()
    yield
    done.set()
    watcher.join()


def measure(what: str, processes: int, address: str | None, seconds: float, envelopes: int) -> None:
    """One collector from its folder on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "c"
        with running_collector(folder, LIMITS.format(requests=8), database=address, processes=processes) as collector:
            database: Path | str = address or folder / "collector.db"
            batches = prepare(collector, database, envelopes)
            port = int(collector.devices_url.rpartition(":")[2])
            senders = [Sender(port, folder, one, made) for one, made in batches.items()]
            capacity = in_turn(senders[:SENDERS], seconds)
            first = Told()
            for one in senders:
                first.add(one.told)
                one.told = Told()
            assert collector.process is not None
            memory: list[float] = []
            with _watched(_family(collector.process.pid), memory):
                offered = at_a_rate(senders[SENDERS:], 2 * capacity, 3 * seconds)
            second = Told()
            for one in senders:
                second.add(one.told)
                one.close()
            stored = _stored(database)
    assert stored == first.receipts + second.receipts, "every receipt is for an envelope that is stored"
    assert first.other + second.other == 0, "nothing was answered but receipts and 429"
    third = len(memory) // 3
    taken = second.receipts / (3 * seconds)
    print(
        f"{what:24} {capacity * BATCH:8.0f} {_p99(first):6.0f} {offered * BATCH:9.0f} {taken:8.0f} {_p99(second):6.0f}"
        f" {second.later / max(1, second.later + len(second.seconds)):8.0%} {statistics.mean(memory[:third]):8.0f}"
        f" {statistics.mean(memory[-third:]):6.0f}",
        flush=True,
    )


def _p99(told: Told) -> float:
    return statistics.quantiles(told.seconds, n=100)[98] * 1000


def _stored(database: Path | str) -> int:
    store = Database(database)
    with store.reading() as connection:
        count: int = connection.execute(select(func.count()).select_from(envelope)).scalar_one()
    store.close()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=6, help="of each capacity; an overload takes three times as long"
    )
    parser.add_argument(
        "--envelopes", type=int, default=130_000, help="made before each; when they are used up it ends"
    )
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {sys.platform}, Python {sys.version.split()[0]}; ", end="")
    print(f"{BATCH} envelopes a request, {DEVICES} devices")
    print(f"{'':24} {'capacity':>15} | {'twice the capacity, constant':>50}")
    print(
        f"{'':24} {'env/s':>8} {'p99ms':>6} {'offered':>9} {'taken/s':>8} {'p99ms':>6} {'429':>8} {'MiB from':>8} {'to':>6}"
    )
    measure("SQLite, one process", 1, None, options.seconds, options.envelopes)
    for processes, what in ((1, "PostgreSQL, one process"), (2, "PostgreSQL, two")):
        with postgres_cluster() as address:
            measure(what, processes, address, options.seconds, options.envelopes)


if __name__ == "__main__":
    main()
