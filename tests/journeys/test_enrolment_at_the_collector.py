"""A blank device enrols at the real collector process with a real site code, and its records arrive there."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.edges.est_client import EnrolmentFailed, certificate_request, enrol
from safecount.edges.identity import load_identity
from safecount.provisioning.enrolment_flow import Event
from safecount.settings import read_site
from safecount.wire.enrolment import encode_label
from safecount.wire.keyset import Keyset, Role, sign_keyset
from safecount.wire.site_code import parse_site_code
from safecount_ops.__main__ import main
from safecount_ops.collector.intake import read_receipt_key
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient
from simulators.device import DeviceFolder, wait_until
from simulators.keys import reader, signing_key
from simulators.running_collector import RunningCollector, collector_command, running_collector

ROUNDS = "[upload]\nround_s = 0.3\nfirst_retry_s = 0.2\n[health]\nfirst_after_s = 0.1\nevery_s = 1.0\n"


def blank_device(folder: Path) -> DeviceFolder:
    device = DeviceFolder(folder / "device")
    device.folder.mkdir()
    device.configure(f'[provision]\nboot_file = "{folder / "card.txt"}"\nretry_s = 0.3\n')
    device.settings_file.write_text(ROUNDS + device.settings_file.read_text())
    return device


def publish_keyset(collector: RunningCollector) -> CollectorAddress:
    receipt_key = read_receipt_key(collector.folder / "keys" / "receipt.key.pem").public_key().public_bytes_raw()
    keyset = Keyset(1, (reader("controller").recipient(Role.CONTROLLER),), (receipt_key,))
    address = CollectorAddress(collector.pull_url, collector.ca_file, collector.token_file())
    with CollectorClient(address) as client:
        client.put_keyset(sign_keyset(keyset, signing_key("root")))
    return address


def put_code_on_the_card(folder: Path, device: DeviceFolder, collector: RunningCollector) -> None:
    root = signing_key("root").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "root.pub").write_bytes(root)
    label = load_identity(*(device.part(name) for name in ("provision", "seal", "uplink"))).label
    arguments = ["--url", collector.devices_url, "--root", str(folder / "root.pub"), "--label", encode_label(label)]
    place = ["--site", "station", "--zone", "Europe/Berlin", "--line", "north=0.5,0:0.5,1:right"]
    out = folder / "code.txt"
    assert main(["site-qr", str(collector.folder), *arguments, *place, "--out", str(out)]) == 0
    out.rename(folder / "card.txt")


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
