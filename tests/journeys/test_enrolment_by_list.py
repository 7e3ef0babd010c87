"""A fleet enrols by a signed list: the same file on every card, nothing typed. The collector is the real one."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.edges.est_client import EnrolmentFailed, ask_site_code, certificate_request, enrol, fetch_ca
from safecount.edges.identity import load_identity
from safecount.provisioning.enrolment_flow import Event
from safecount.settings import read_site
from safecount.wire.enrolment import Label, Statement, sign_statement
from safecount.wire.fleet import Fleet, parse_fleet
from safecount.wire.site_code import parse_site_code
from safecount_ops.__main__ import main
from simulators.device import DeviceFolder, wait_until
from simulators.enrolling_device import ROUNDS, publish_keyset
from simulators.fleet_desk import FleetDesk, row_of
from simulators.keys import signing_key
from simulators.running_collector import RunningCollector, collector_command, running_collector

HALL, STRANGERS = 24, 40
QUICK = "ask_s = 0.3\n"


@dataclass
class FleetSite:
    """Blank devices whose cards hold the fleet's file, the collector and the operator's desk."""

    folder: Path
    collector: RunningCollector
    desk: FleetDesk

    def device(self, name: str, *more: str) -> DeviceFolder:
        """A device of that name; `more` is TOML of its settings."""
        device = DeviceFolder(self.folder / name)
        device.folder.mkdir()
        card = f'[provision]\nboot_file = "{device.folder / "card.txt"}"\nretry_s = 0.3\n{QUICK}'
        device.configure(card + "".join(more))
        device.settings_file.write_text(ROUNDS + device.settings_file.read_text())
        (device.folder / "run" / "session").mkdir()
        (device.folder / "card.txt").write_bytes(self.desk.card_file.read_bytes())
        return device


def label_of(device: DeviceFolder) -> Label:
    return load_identity(*(device.part(name) for name in ("provision", "seal", "uplink"))).label


def row(device: DeviceFolder) -> str:
    label = label_of(device)
    return f"{label.serial},{label.fingerprint.hex()}"


def name_of(device: DeviceFolder) -> str:
    site = read_site(device.part("site") / "site.toml")
    return "" if site is None else site.device


def state_of(device: DeviceFolder) -> str:
    told = device.folder / "run" / "session" / "enrolment"
    return told.read_text() if told.exists() else ""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FleetSite]:
    with running_collector(tmp_path / "collector") as collector:
        publish_keyset(collector)
        desk = FleetDesk(tmp_path / "desk", collector.folder, collector.devices_url)
        desk.make_key()
        desk.publish(row_of("some other device"))
        yield FleetSite(tmp_path, collector, desk)


def test_listed_devices_enrol_by_themselves_and_others_keep_asking_until_they_are_listed(fleet: FleetSite) -> None:
    devices = [fleet.device(name) for name in ("one", "two", "three")]
    with ExitStack() as stack:
        for device in devices:
            stack.enter_context(device.running("provision"))
        for device in devices:
            wait_until(lambda device=device: state_of(device) == "not-listed", "it is told that it is not listed")  # type: ignore[misc]
        fleet.desk.publish(*map(row, devices[:2]), more=("--site", "airport", "--zone", "Europe/Berlin"))
        for device in devices[:2]:
            wait_until(lambda device=device: name_of(device), "the site file")  # type: ignore[misc]
            site = read_site(device.part("site") / "site.toml")
            assert site is not None
            assert (site.site, site.zone) == ("airport", "Europe/Berlin")
        assert state_of(devices[2]) in {"not-listed", "enrolling"}
        assert not name_of(devices[2])
    assert not (devices[0].part("provision") / "site.code").exists()


def test_the_fleets_line_counts_on_the_card_alone_and_only_if_it_is_whole(fleet: FleetSite) -> None:
    device = fleet.device("one")
    line = fleet.desk.card_file.read_text()
    (device.folder / "card.txt").write_text(line[:-4] + "\n")
    with device.running("provision"):
        wait_until(lambda: state_of(device) == "refused", "a damaged line is refused")
        (device.folder / "card.txt").write_text(line)
        wait_until(lambda: state_of(device) == "not-listed", "a whole one is taken")


def test_a_reset_fleet_device_stays_blank_and_obeys_the_fleets_key_alone(fleet: FleetSite, tmp_path: Path) -> None:
    device = fleet.device("one")
    fleet.desk.publish(row(device))
    with device.running("provision"), device.running("seal"), device.running("uplink"):
        wait_until(lambda: name_of(device), "the site file")
        first, folder, key = name_of(device), fleet.collector.folder, fleet.desk.folder / "fleet.key"
        assert main(["collector", "reset", str(folder), first]) == 2, "the collector's own key would not do"
        order = tmp_path / "reset.order"
        assert fleet.desk.batch("order", first, "--key", str(key), "--out", str(order)) == (0, "")
        collector_command("reset", folder, first, "--order", order, "--key", fleet.desk.folder / "fleet.pub")
        wait_until(lambda: not name_of(device), "the order is obeyed")
        wait_until(lambda: state_of(device) == "blank", "what lies on its card was for the owner before")
        card = device.folder / "card.txt"
        card.write_bytes(card.read_bytes())  # put there anew
        time.sleep(0.8)
        assert state_of(device) == "blank"
        assert fleet.desk.sign(row(device)) == (0, "")
        card.write_bytes(fleet.desk.card_file.read_bytes())
        wait_until(lambda: state_of(device) == "token-taken", "the same list does not let it in under another name")
        assert fleet.desk.take() == (0, "")
        wait_until(lambda: name_of(device) not in {"", first}, "a new list does")


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # a device is one thread
def test_a_hall_of_devices_behind_one_address_enrols_at_once_and_none_is_excluded(fleet: FleetSite) -> None:
    """Devices that the collector turns away for now come again; those that are not listed keep asking, and shut nobody out."""
    names = [f"hall {number}" for number in range(HALL)]
    fleet.desk.publish(*map(row_of, names))
    line = parse_fleet(fleet.desk.card_file.read_text())
    strangers = ["a stranger"] * STRANGERS  # more than the bad requests for which an address is excluded
    with ThreadPoolExecutor(HALL) as hall:
        outcomes = list(hall.map(lambda name: enrol_by_list(line, name), [*strangers, *names]))
    assert outcomes == [Event.NOT_LISTED] * STRANGERS + [Event.DONE] * HALL
    assert collector_command("excluded", fleet.collector.folder) == ""
    assert f"take-list  {HALL} devices" in collector_command("audit", fleet.collector.folder)


def enrol_by_list(line: Fleet, name: str) -> Event:
    """What a device with the identity key of that name does, as often as it needs."""
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    identity, envelope_key = (signing_key(one).public_key().public_bytes_raw() for one in (name, f"{name}, owned"))
    statement = Statement(identity, envelope_key, sha256(spki).digest())
    request = certificate_request(statement.device, sign_statement(statement, signing_key(name)), key)
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        try:
            ca = fetch_ca(line.url, line.ca)
            code = parse_site_code(ask_site_code(line.url, ca, request))
            enrol(code.url, ca, code.token, request, key)
        except EnrolmentFailed as failed:
            if failed.event not in {Event.COLLECTOR_FAILED, Event.NO_NETWORK}:
                return failed.event
            time.sleep(random.uniform(0.2, 0.6))
        else:
            return Event.DONE
    return Event.COLLECTOR_FAILED
