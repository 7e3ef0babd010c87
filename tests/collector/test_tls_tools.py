"""Other people's tools look at a running collector's two ports: testssl.sh at its TLS, nmap at what it tells of itself."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from debian import need
from simulators.running_collector import RunningCollector, running_collector

pytestmark = pytest.mark.soak

WORSE_THAN_INFO = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"}
ACCEPTED = {"cert_revocation", "DNS_CAArecord"}
"""What asks for a public authority: the CA is the collector's own and pinned, and a device is turned away by its registry."""


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with running_collector(tmp_path_factory.mktemp("tools") / "collector") as made:
        yield made


@pytest.mark.parametrize("port", ["devices_url", "pull_url"])
def test_testssl_finds_tls_1_3_alone_and_no_weakness(collector: RunningCollector, port: str, tmp_path: Path) -> None:
    address = getattr(collector, port).removeprefix("https://")
    looked = ["--protocols", "--server-defaults", "--vulnerable", "--fs", "--add-ca", collector.ca_file]
    command = [need("testssl"), "--quiet", "--color", "0", *looked, "--jsonfile", tmp_path / "found.json", address]
    subprocess.run(
        command, check=False, capture_output=True, timeout=600
    )  # its exit code counts remarks; the file tells them
    found = {one["id"]: one for one in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))}
    assert found["TLS1_3"]["severity"] == "OK"
    assert {found[old]["finding"] for old in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2")} == {"not offered"}
    assert found["cert_chain_of_trust"]["finding"].startswith("passed")
    assert {one["id"] for one in found.values() if one["severity"] in WORSE_THAN_INFO} <= ACCEPTED
    assert len(found) > 50


def test_nmap_finds_two_ports_that_tell_no_name_and_take_no_trace(collector: RunningCollector) -> None:
    ports = ",".join(url.rpartition(":")[2] for url in (collector.devices_url, collector.pull_url))
    scripts = "http-server-header,http-trace,http-methods"
    command = [need("nmap"), "-Pn", "-n", "-sT", "-p", ports, "--script", scripts, "127.0.0.1"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    assert len(re.findall(r"^\d+/tcp\s+open", told, re.MULTILINE)) == 2, told
    assert "http-server-header" not in told, told
    assert "TRACE" not in told, told
