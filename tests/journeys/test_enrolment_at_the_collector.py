"""A blank device enrols at the real collector process with a real site code, and its records arrive there."""

from pathlib import Path

import pytest
from cryptography import x509

from safecount.edges.est_client import EnrolmentFailed, certificate_request, enrol
from safecount.edges.identity import load_identity
from safecount.provisioning.enrolment_flow import Event
from safecount.settings import read_site
from safecount.wire.site_code import parse_site_code
from safecount_ops.controller.https import CollectorClient
from simulators.device import wait_until
from simulators.enrolling_device import blank_device, publish_keyset, put_code_on_the_card
from simulators.running_collector import collector_command, running_collector


def test_a_blank_device_enrols_and_delivers(tmp_path: Path) -> None:
    device = blank_device(tmp_path)
    with running_collector(tmp_path / "collector") as collector:
        address = publish_keyset(collector)
        put_code_on_the_card(tmp_path, device, collector)
        with device.running("provision"):
            wait_until((device.part("site") / "site.toml").exists, "the site file")
        site = read_site(device.part("site") / "site.toml")
        assert site is not None
        with device.running("seal"), device.running("uplink"), CollectorClient(address) as client:
            wait_until(lambda: client.directory(None).devices[0].chains, "a record at the collector")
            (entry,) = client.directory(None).devices
        assert entry.device == site.device


def test_a_device_that_was_turned_away_gets_no_certificate_until_it_is_let_in_again(tmp_path: Path) -> None:
    device = blank_device(tmp_path)
    us = load_identity(*(device.part(name) for name in ("provision", "seal", "uplink")))
    with running_collector(tmp_path / "collector") as collector:
        put_code_on_the_card(tmp_path, device, collector)
        code = parse_site_code((tmp_path / "card.txt").read_text().strip())
        key = us.envelope_key.public_key().public_bytes_raw().hex()
        collector_command("add-device", collector.folder, us.device, "--key", key)
        collector_command("set-active", collector.folder, us.device, "no")
        ca = x509.load_pem_x509_certificate(collector.ca_file.read_bytes())
        asked = (code.url, ca, code.token, certificate_request(us.device, us.statement(), us.tls_key), us.tls_key)
        with pytest.raises(EnrolmentFailed) as failure:
            enrol(*asked)
        assert failure.value.event is Event.TOKEN_REFUSED
        collector_command("set-active", collector.folder, us.device, "yes")
        assert enrol(*asked)
