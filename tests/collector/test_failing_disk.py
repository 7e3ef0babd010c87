"""The collector's disk returns errors, or is full: no receipt for what is not stored, the operator is told, and it goes on."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import requests

from debian import need
from safecount.delivery.ports import Failure, FailureKind
from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.wire.uplink import Answer
from simulators.chains import health_chain
from simulators.device import KEYSET, wait_until
from simulators.failing_disk import failing_disk
from simulators.keys import signing_key
from simulators.pam import pam_environment
from simulators.people import PASSWORDS, add_person
from simulators.running_collector import RunningCollector, collector_command, running_collector

BATCH = 16
BACK = "takes records again"


def send(device: HttpsSettings, envelopes: list[bytes]) -> Answer | Failure:
    transport = HttpsTransport(device)
    try:
        return transport.send(envelopes)
    finally:
        transport.close()


def failing_metric(collector: RunningCollector, token: Path) -> str:
    bearer = {"Authorization": f"Bearer {token.read_text().strip()}"}
    answer = requests.get(collector.pull_url + "/metrics", headers=bearer, verify=str(collector.ca_file), timeout=10)
    return next(line.split()[1] for line in answer.text.splitlines() if line.startswith("safecount_database_failing "))


def metrics_token(folder: Path) -> Path:
    file = folder.with_suffix(".token")
    file.write_text(collector_command("token", folder, "prometheus", "--metrics"))
    return file


def test_errors_of_the_disk_are_told_to_the_operator_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with running_collector(tmp_path / "c", environment=pam_environment(tmp_path, PASSWORDS)) as collector:
        device, token = collector.add_device("door"), metrics_token(collector.folder)
        adam = add_person(collector, "adam", "administrator")
        assert adam.log_in().status_code == 303
        chain = health_chain("door", 64, KEYSET)
        assert isinstance(send(device, chain[:BATCH]), Answer)
        assert collector.process is not None
        with failing_disk(collector.process.pid, collector.folder / "collector.db", "1+1", "pwrite64,fsync,fdatasync"):
            outcome = send(device, chain[BATCH:])
            assert outcome == Failure(FailureKind.BUSY, 30)
            assert "its disk fails" in collector.log_file.read_text()
            assert failing_metric(collector, token) == "1.0"
            assert "Nothing is stored now." in adam.get("/").text
            told = adam.log_in(code="000000")
            assert (told.status_code, "nothing was changed" in told.text) == (503, True)
        taken = send(device, chain)
        assert isinstance(taken, Answer)
        assert (len(taken.receipts), taken.refused) == (64, ())
        assert BACK in collector.log_file.read_text()
        assert failing_metric(collector, token) == "0.0"
        assert "Nothing is stored now." not in adam.get("/").text


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[RunningCollector, HttpsSettings]]:
    """A collector on a file system of 3 MiB in memory, which it alone sees; and a device."""
    root = signing_key("root").public_key().public_bytes_raw().hex()
    collector_command("init", folder, "--device-port", "0", "--people-port", "0", "--root-key", root)
    where = shlex.quote(str(folder))
    move = f"cp -a {where} {where}.kept && mount -t tmpfs -o size=3m none {where} && cp -a {where}.kept/. {where}"
    collector = RunningCollector(folder, prefix=(need("unshare"), "-rm", "sh", "-c", f'{move} && exec "$@"', "sh"))
    device = collector.add_device("door")
    collector.start()
    try:
        yield collector, replace(device, url=collector.devices_url)
    finally:
        collector.stop()


def test_a_full_disk_gets_no_receipts_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "c") as (collector, device):
        assert collector.process is not None
        filler = Path(f"/proc/{collector.process.pid}/root{collector.folder}/filler")
        filler.write_bytes(bytes(1_000_000))
        chain = health_chain("door", 400, KEYSET)
        sent = 0
        while isinstance(outcome := send(device, chain[sent : sent + BATCH]), Answer):
            assert len(outcome.receipts) == BATCH
            sent += BATCH
            assert sent < len(chain), "the disk is never full"
        assert outcome == Failure(FailureKind.BUSY, 30)
        assert "its disk is full; make room" in collector.log_file.read_text()
        filler.unlink()
        wait_until(lambda: isinstance(send(device, chain[sent : sent + BATCH]), Answer), "it goes on")
        assert BACK in collector.log_file.read_text()
        first = send(device, chain[:BATCH])
        assert isinstance(first, Answer)
        assert len(first.receipts) == BATCH, "what was stored before is there"
