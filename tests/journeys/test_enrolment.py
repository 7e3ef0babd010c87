"""From a blank folder to a device of its site: the real provision process, real EST over TLS, the operator's real commands."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import simulators.supplicant
from debian import need
from safecount.edges.identity import load_identity
from safecount.edges.seal_keys import current_keyset
from safecount.settings import read_site
from safecount.wire.site_code import parse_site_code, prove, sign_site_code
from safecount_ops.enrolment.signer import load_signer
from safecount_ops.enrolment.tokens import Tokens
from simulators.collector import MemoryCollector
from simulators.device import KEYSET, stop, wait_until
from simulators.enrolment_site import Site, enrolment_site
from simulators.supplicant import CONNECTED, WRONG_KEY

assert enrolment_site, "the fixture `site`"


def test_a_code_typed_at_the_serial_port_enrols_the_device(site: Site) -> None:
    with site.device.running("provision"):
        site.type("help")
        site.expect("SC1:...")
        site.type("label")
        site.expect("SL1:")
        site.heard = ""
        site.type("status")
        site.expect("blank: ")
        site.type(site.make_code())
        site.expect("enrolled: ")
        site.type("label")
        site.expect("only before")
        site.type(site.make_code())
        site.expect("refused: The device belongs to a site already")
    enrolled = read_site(site.device.part("site") / "site.toml")
    assert enrolled is not None
    assert (enrolled.site, enrolled.doors, enrolled.zone) == ("station", ("north",), "Europe/Berlin")
    assert list(site.collector.ca.admitted) == [enrolled.device]
    keyset = current_keyset(site.device.part("seal"))
    assert keyset == KEYSET
    assert not (site.device.part("provision") / "site.code").exists()


def test_a_code_on_the_card_enrols_the_device_that_then_delivers(site: Site) -> None:
    (site.folder / "card.txt").write_text(site.make_code() + "\r\n")
    with site.device.running("provision"):
        wait_until((site.device.part("site") / "site.toml").exists, "the site file")
    name, key = next(iter(site.collector.ca.admitted.items()))
    assert name.startswith("sc-")
    identity = load_identity(*(site.device.part(part) for part in ("provision", "seal", "uplink")))
    assert key == identity.envelope_key.public_key().public_bytes_raw()
    site.collector.others.store = MemoryCollector(identity.envelope_key.public_key())
    (site.device.folder / "safecount.toml").write_text(
        "[upload]\nround_s = 0.4\nfirst_retry_s = 0.2\n[health]\nfirst_after_s = 0.1\nevery_s = 2.0\n"
        + site.device.settings_file.read_text()
    )
    with site.device.running("seal"), site.device.running("uplink"):
        wait_until(lambda: site.collector.others.store.stored, "a record at the collector")


def test_a_wifi_network_is_taken_from_the_same_file_and_from_the_serial_port(site: Site) -> None:
    kept = site.device.part("wifi") / "wpa_supplicant.conf"
    (site.folder / "card.txt").write_text("WIFI:T:WPA;S:street;P:correct horse;;\r\n" + site.make_code() + "\r\n")
    with site.device.running("provision"):
        wait_until((site.device.part("site") / "site.toml").exists, "the site file")
        assert f"ssid={b'street'.hex()}" in kept.read_text()
        site.type("WIFI:T:WPA;S:street;P:short;;")
        site.expect("refused: The Wi-Fi's password")
        assert f"ssid={b'street'.hex()}" in kept.read_text()
        site.type("WIFI:T:WPA;S:the other street;P:correct horse;;")
        site.expect("The Wi-Fi network is kept")
        assert f"ssid={b'the other street'.hex()}" in kept.read_text()


def test_a_used_token_is_refused_and_a_new_code_helps(site: Site) -> None:
    code = site.make_code()
    tokens = Tokens.in_folder(site.folder)
    parsed = parse_site_code(code)
    assert parsed.serial
    tokens.redeem(parsed.token, parsed.serial, "another name", 0)
    with site.device.running("provision"):
        site.type(code)
        site.expect("token-taken: ")
        site.type("label")
        site.expect("SL1:")
        site.type(site.make_code())
        site.expect("enrolled: ")


def test_without_a_network_or_a_keyset_it_tries_again_by_itself(site: Site) -> None:
    site.collector.others.keyset = None
    with site.device.running("provision"):
        site.type(site.make_code())
        site.expect("no-keyset: ")
        assert read_site(site.device.part("site") / "site.toml") is None
        site.collector.others.keyset = KEYSET
        site.expect("enrolled: ")


def test_a_network_that_gives_no_address_is_told_apart(site: Site) -> None:
    """In a network namespace of its own, the process has no interface that leads anywhere."""
    with alone(site):
        site.type(site.make_code())
        site.expect("no-address: ")
        assert told_to_the_lamp(site) == "no-address"


@pytest.mark.parametrize(("event", "state"), [(WRONG_KEY, "wifi-password"), (CONNECTED, "no-address")])
def test_why_the_wifi_is_not_joined_is_told(site: Site, event: str, state: str) -> None:
    control = site.device.folder / "run" / "wifi" / "wlan0"
    control.parent.mkdir()
    with alone(site) as process:
        site.type("status")
        site.expect("wifi: There is no Wi-Fi here, or no network was named.")
        there = [need("nsenter"), "-t", str(process.pid), "-U", "-n", "--preserve-credentials"]
        supplicant = subprocess.Popen([*there, sys.executable, simulators.supplicant.__file__, str(control), event])
        try:
            site.expect("wifi: ")
            site.type(site.make_code())
            site.expect(f"{state}: ")
            assert told_to_the_lamp(site) == state
        finally:
            supplicant.kill()
            supplicant.wait()


@contextmanager
def alone(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """The provision process in a network namespace of its own."""
    (site.device.folder / "run" / "session").mkdir()
    command = [need("unshare"), "-rn", sys.executable, "-m", "safecount", "provision"]
    process = subprocess.Popen([*command, "--settings", str(site.device.settings_file)])
    try:
        yield process
    finally:
        stop(process)


def told_to_the_lamp(site: Site) -> str:
    return (site.device.folder / "run" / "session" / "enrolment").read_text()


@pytest.mark.parametrize(
    ("change", "state"),
    [({"url": "https://127.0.0.1:9"}, "no-network: "), ({"ca": secrets.token_bytes(32)}, "not-the-collector: ")],
    ids=["nobody there", "another CA"],
)
def test_a_code_that_leads_elsewhere_leaves_the_device_blank(site: Site, change: dict[str, object], state: str) -> None:
    good = parse_site_code(site.make_code())
    identity = load_identity(*(site.device.part(part) for part in ("provision", "seal", "uplink")))
    bad = prove(replace(good, **change), identity.serial, identity.secret)  # type: ignore[arg-type]
    with site.device.running("provision"):
        site.type(sign_site_code(bad, load_signer(site.folder)))
        site.expect(state)
    assert read_site(site.device.part("site") / "site.toml") is None
    assert site.collector.ca.issued == []


def test_noise_and_endless_lines_change_nothing(site: Site) -> None:
    with site.device.running("provision"):
        os.set_blocking(site.terminal, True)
        for _ in range(12):
            os.write(site.terminal, b"SC1:" + b"A" * 4096)
        os.write(site.terminal, b"\n" + secrets.token_bytes(256).replace(b"\n", b"") + b"\n")
        os.set_blocking(site.terminal, False)
        site.type("SC1:" + "0" * 40)
        site.expect("refused: The code is damaged")
        site.type("status")
        site.expect("blank: ")


def test_a_certificate_past_60_percent_of_its_life_is_renewed_unless_the_device_is_revoked(site: Site) -> None:
    site.collector.ca.days = (-20, 10)
    certificate = site.device.part("uplink") / "tls.cert.pem"
    with site.device.running("provision"):
        site.type(site.make_code())
        site.expect("enrolled: ")
        wait_until(lambda: len(site.collector.ca.issued) == 2, "a second certificate")
    before = certificate.read_bytes()
    site.collector.ca.admitted.clear()
    with site.device.running("provision"):
        site.type("status")
        site.expect("enrolled: ")
        time.sleep(1)
    assert certificate.read_bytes() == before
    assert len(site.collector.ca.issued) == 2
