"""The real process, with the device's own transport and the controller's own client on both sides of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.delivery.ports import Failure, FailureKind
from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.wire.errors import Reason
from safecount.wire.keyset import Role, sign_keyset
from safecount.wire.receipt import verify_receipt
from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH, MAX_BATCH_BYTES, Answer
from safecount_ops.collector.intake import read_receipt_key
from safecount_ops.controller.archive import Archive
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient, CollectorError
from safecount_ops.controller.pull import pull
from simulators.chains import chain_of, health_chain
from simulators.keys import keyset, reader, signing_key
from simulators.postgres import postgres_cluster
from simulators.records import HEALTH_RECORD
from simulators.running_collector import RunningCollector, running_collector

KEYSET = keyset(reader("controller").recipient(Role.CONTROLLER))


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL, two processes"])
def collector(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RunningCollector]:
    folder = tmp_path_factory.mktemp("collector") / "c"
    with ExitStack() as stack:
        shared = request.param != "SQLite"
        address = stack.enter_context(postgres_cluster()) if shared else None
        running = running_collector(folder, database=address, processes=2 if shared else 1)
        yield stack.enter_context(running)


def send(settings: HttpsSettings, envelopes: list[bytes]) -> Answer:
    transport = HttpsTransport(settings)
    answer = transport.send(envelopes)
    transport.close()
    assert isinstance(answer, Answer), answer
    return answer


def refused(answer: Answer) -> list[tuple[int, Reason]]:
    return [(one.index, one.reason) for one in answer.refused]


def receipt_key(collector: RunningCollector) -> Ed25519PublicKey:
    return read_receipt_key(collector.folder / "keys" / "receipt.key.pem").public_key()


def test_a_batch_is_receipted_and_a_repeat_gets_the_same_receipts(collector: RunningCollector) -> None:
    device, chain = collector.add_device("repeats"), health_chain("repeats", 64, KEYSET)
    first = send(device, chain)
    receipts = [verify_receipt(one, [receipt_key(collector)]) for one in first.receipts]
    assert [one.digest for one in receipts] == [sha256(raw).digest() for raw in chain]
    assert send(device, chain).receipts == first.receipts


def test_what_was_receipted_outlives_a_kill(tmp_path: Path) -> None:
    with running_collector(tmp_path / "c") as collector:
        settings, chain = collector.add_device("killed"), health_chain("killed", 20, KEYSET)
        before = send(settings, chain[:10])
        collector.stop(kill=True)
        collector.start()
        settings = replace(settings, url=collector.devices_url)
        assert send(settings, chain[:10]).receipts == before.receipts
        assert len(send(settings, chain[10:]).receipts) == 10
        assert collector.stop() == 0, "a stop is orderly"


def test_gaps_are_taken_and_filled_late(collector: RunningCollector) -> None:
    device, chain = collector.add_device("gaps"), health_chain("gaps", 9, KEYSET)
    assert len(send(device, chain[6:]).receipts) == 3
    assert len(send(device, chain[:6]).receipts) == 6


@pytest.mark.parametrize("evil", ["fork", "broken", "step back"])
def test_signed_evidence_holds_a_device_and_harms_nothing_stored(collector: RunningCollector, evil: str) -> None:
    name = evil.replace(" ", "-")
    device, chain = collector.add_device(name), health_chain(name, 4, KEYSET, epoch=5)
    other = chain_of(name, [replace(HEALTH_RECORD, dropped=n + 50) for n in range(5)], KEYSET, epoch=5)
    send(device, chain[:3])
    bad, reason = {
        "fork": (other[1], Reason.FORK),
        "broken": (other[3], Reason.BROKEN_CHAIN),
        "step back": (health_chain(name, 1, KEYSET, epoch=4)[0], Reason.STEP_BACK),
    }[evil]
    assert refused(send(device, [bad])) == [(0, reason)]
    assert refused(send(device, [chain[3]])) == [(0, Reason.QUARANTINED)]
    assert len(send(device, chain[:3]).receipts) == 3


def test_unsigned_evil_is_refused_and_holds_nobody(collector: RunningCollector) -> None:
    device, chain = collector.add_device("honest"), health_chain("honest", 3, KEYSET)
    thief = health_chain("honest", 1, KEYSET, key="thief")[0]
    stranger = health_chain("stranger", 1, KEYSET, key="honest")[0]
    answer = send(device, [thief, b"x", stranger, *chain])
    assert refused(answer) == [(0, Reason.BAD_SIGNATURE), (1, Reason.MALFORMED), (2, Reason.BAD_FIELD)]
    assert len(answer.receipts) == 3


def test_without_a_certificate_of_ours_nothing_is_taken(collector: RunningCollector) -> None:
    at = collector.devices_url + ENVELOPES_PATH
    answer = requests.post(at, b"", verify=str(collector.ca_file), headers={"Content-Type": CONTENT_TYPE}, timeout=10)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\xff", CONTENT_TYPE, 400),
        (b"", CONTENT_TYPE, 400),
        (b"\x80", "text/plain", 415),
        (bytes(MAX_BATCH_BYTES + 1), CONTENT_TYPE, 413),
    ],
)
def test_bodies_that_are_no_batch(collector: RunningCollector, body: bytes, kind: str, status: int) -> None:
    device = collector.add_device(f"body-{status}-{len(body)}")
    answer = requests.post(
        device.url + ENVELOPES_PATH,
        body,
        verify=str(device.ca_file),
        cert=(str(device.certificate_file), str(device.key_file)),
        headers={"Content-Type": kind},
        timeout=10,
    )
    assert answer.status_code == status


def test_the_controller_pulls_it_all_and_its_keyset_reaches_devices(tmp_path: Path) -> None:
    with running_collector(tmp_path / "c") as collector:
        device, chain = collector.add_device("seven"), health_chain("seven", 300, KEYSET)
        for start in range(0, 300, 64):
            send(device, chain[start : start + 64])
        transport = HttpsTransport(device)
        assert transport.fetch_keyset() == Failure(FailureKind.REJECTED)
        address = CollectorAddress(collector.pull_url, collector.ca_file, collector.token_file())
        signed = sign_keyset(KEYSET, signing_key("root"))
        with CollectorClient(address) as client, Archive(tmp_path / "archive.db") as archive:
            client.put_keyset(signed)
            with pytest.raises(CollectorError, match="refuses the keyset"):
                client.put_keyset(signed)
            done = pull(client, archive, tmp_path, 1_781_100_000, lambda _done, _of: None)
            assert (done.devices, done.envelopes, done.findings) == (1, 300, [])
            assert [one.untrusted for one in archive.in_chain_order("seven", 1)] == chain
        assert transport.fetch_keyset() == signed
        transport.close()
        assert send(device, chain[:1]).keyset == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/pull?device=nobody&epoch=1", 404),
        ("/v1/pull?device=a&epoch=x", 400),
        ("/v1/pull?device=a&epoch=1&limit=257", 400),
    ],
)
def test_parameters_that_are_none(collector: RunningCollector, path: str, status: int) -> None:
    token = collector.token_file(f"t{sha256(path.encode()).hexdigest()[:8]}").read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(collector.pull_url + path, headers=headers, verify=str(collector.ca_file), timeout=10)
    assert answer.status_code == status
    bare = requests.get(collector.pull_url + path, verify=str(collector.ca_file), timeout=10)
    assert bare.status_code in ({400, 401} if status == 400 else {401})
