"""Buckets and exclusions by themselves, and the gate in front of the real process."""

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from safecount.delivery.ports import Failure, FailureKind
from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.errors import UsageError
from safecount.wire.uplink import CONTENT_TYPE, ENVELOPES_PATH
from safecount_ops.collector.database import Database
from safecount_ops.collector.limits import Buckets, Exclusions, of_address
from simulators.chains import health_chain
from simulators.device import KEYSET
from simulators.running_collector import RunningCollector, collector_command, running_collector

LIMITS = """
[limits]
device_per_minute = 60
device_burst = 30
at_once = 2
body_s = 1
offences = 5
exclusion_s = 60
"""


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_more_than_burst_and_rate_are_ever_let_in(waits: list[float]) -> None:
    buckets, now, let_in = Buckets(0.5, 4), 0.0, 0
    for wait in waits:
        now += wait
        let_in += not buckets.take("one", now)
        assert let_in <= 4 + now * 0.5 + 1e-6


def test_who_waits_as_told_is_let_in() -> None:
    buckets = Buckets(0.5, 2)
    assert [buckets.take("one", 0), buckets.take("one", 0)] == [0, 0]
    wait = buckets.take("one", 0)
    assert buckets.take("other", 0) == 0
    assert buckets.take("one", wait) == 0


def test_an_address_of_ipv6_is_its_network() -> None:
    assert of_address("2001:db8::1") == of_address("2001:db8::ffff:1") == "address:2001:db8::"
    assert of_address("::ffff:192.0.2.1") != of_address("::ffff:192.0.2.2")
    assert of_address("nonsense") == "address:unknown"


def test_exclusions_grow_end_by_themselves_and_are_seen_by_other_processes(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "c.db") for _ in range(2)]
    databases[0].create()
    ours, theirs = (Exclusions(one) for one in databases)
    assert ours.add("device:a", "noise", 60, 1000).until_s == 1060
    assert ours.add("device:a", "noise", 60, 2000).until_s == 2120
    theirs.refresh(2000)
    assert [theirs.left_s("device:a", 2000), theirs.left_s("device:a", 2120), theirs.left_s("device:b", 2000)] == [
        120,
        0,
        0,
    ]
    assert ours.add("device:a", "noise", 60, 200_000).strikes == 1
    theirs.readmit("device:a", 200_000, "me")
    ours.refresh(200_000)
    assert ours.left_s("device:a", 200_000) == 0
    with pytest.raises(UsageError, match="not excluded"):
        ours.readmit("device:a", 200_000, "me")
    for one in databases:
        one.close()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    folder = tmp_path_factory.mktemp("limits") / "c"
    with running_collector(folder, LIMITS) as running:
        yield running


def post(device: HttpsSettings, body: bytes) -> requests.Response:
    return requests.post(
        device.url + ENVELOPES_PATH,
        body,
        verify=str(device.ca_file),
        cert=(str(device.certificate_file), str(device.key_file)),
        headers={"Content-Type": CONTENT_TYPE},
        timeout=10,
    )


def metrics(collector: RunningCollector) -> str:
    file = collector.folder / "metrics.token"
    if not file.exists():
        file.write_text(collector_command("token", collector.folder, "prometheus", "--metrics"))
    bearer = {"Authorization": f"Bearer {file.read_text().strip()}"}
    answer = requests.get(collector.pull_url + "/metrics", headers=bearer, verify=str(collector.ca_file), timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_a_hasty_device_is_told_when_to_come_again_and_others_are_not(collector: RunningCollector) -> None:
    hasty, calm = collector.add_device("hasty"), collector.add_device("calm")
    transport, chain = HttpsTransport(hasty), health_chain("hasty", 40, KEYSET)
    outcomes = [transport.send([one]) for one in chain]
    late = [one for one in outcomes if isinstance(one, Failure)]
    assert late
    assert {(one.kind, one.retry_after_s) for one in late} <= {(FailureKind.BUSY, 1), (FailureKind.BUSY, 2)}
    assert not isinstance(HttpsTransport(calm).send(health_chain("calm", 1, KEYSET)), Failure)
    time.sleep(1.1)
    outcome = transport.send(chain)
    assert not isinstance(outcome, Failure)
    assert len(outcome.receipts) == 40
    transport.close()
    assert 'safecount_turned_away_total{cause="rate"}' in metrics(collector)


def test_who_keeps_sending_noise_is_excluded_and_let_in_again_by_command(collector: RunningCollector) -> None:
    noisy = collector.add_device("noisy")
    assert [post(noisy, b"\xff").status_code for _ in range(6)] == [400] * 6
    turned = post(noisy, b"\xff")
    assert (turned.status_code, int(turned.headers["Retry-After"]) > 30) == (429, True)
    assert "device:noisy" in collector_command("excluded", collector.folder)
    collector_command("readmit", collector.folder, "device:noisy")
    time.sleep(2.1)
    assert post(noisy, b"\xff").status_code == 400


def test_refusals_are_counted_by_reason(collector: RunningCollector) -> None:
    odd = collector.add_device("odd")
    transport = HttpsTransport(odd)
    transport.send([b"x", health_chain("odd", 1, KEYSET, key="thief")[0]])
    transport.close()
    text = metrics(collector)
    assert 'safecount_refused_envelopes_total{reason="BAD_SIGNATURE"} 1.0' in text
    assert 'safecount_refused_envelopes_total{reason="MALFORMED"} 1.0' in text
    assert "odd" not in text


def test_a_held_device_is_released_by_command_and_goes_on(collector: RunningCollector) -> None:
    device, chain = collector.add_device("forked"), health_chain("forked", 3, KEYSET)
    other = health_chain("forked", 5, KEYSET)[4:]
    transport = HttpsTransport(device)
    transport.send(chain[:2])
    transport.send(health_chain("forked", 1, KEYSET, epoch=0))
    held = transport.send(chain[2:])
    assert not isinstance(held, Failure)
    assert not held.receipts
    collector_command("release", collector.folder, "forked")
    outcome = transport.send(chain[2:] + other)
    assert not isinstance(outcome, Failure)
    assert len(outcome.receipts) == 2
    transport.close()


@pytest.mark.parametrize("said", [b"", b"POST /v1/en", b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\n"])
def test_a_slow_head_is_not_waited_for(collector: RunningCollector, said: bytes) -> None:
    with connected(collector, None) as connection:
        connection.sendall(said)
        assert connection.recv(100) == b""


def test_a_slow_body_is_not_waited_for(collector: RunningCollector) -> None:
    head = f"POST {ENVELOPES_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: 100\r\n\r\n"
    with connected(collector, collector.add_device("slow")) as connection:
        connection.sendall(head.encode() + b"x")
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_one_device_does_not_take_all_the_room(collector: RunningCollector) -> None:
    greedy, calm = collector.add_device("greedy"), collector.add_device("calm2")
    head = f"POST {ENVELOPES_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: 9\r\n\r\n"
    first, second, third = (connected(collector, greedy) for _ in range(3))
    with first, second, third:
        for one in (first, second):
            one.sendall(head.encode())
        time.sleep(0.2)
        third.sendall(head.encode())
        assert third.recv(100).startswith(b"HTTP/1.1 429")
        assert not isinstance(HttpsTransport(calm).send(health_chain("calm2", 1, KEYSET)), Failure)


def connected(collector: RunningCollector, device: HttpsSettings | None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(collector.ca_file))
    if device is not None:
        context.load_cert_chain(device.certificate_file, device.key_file)
    port = int(collector.devices_url.rpartition(":")[2])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="127.0.0.1")
