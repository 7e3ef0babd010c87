"""A fleet enrols by a signed list: the same file on every card, nothing typed. The collector is the real one."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from safecount.edges.identity import load_identity
from safecount.settings import read_site
from safecount.wire.enrolment import Label
from safecount_ops.__main__ import main
from simulators.device import DeviceFolder, wait_until
from simulators.enrolling_device import ROUNDS, publish_keyset
from simulators.fleet_desk import FleetDesk, row_of
from simulators.running_collector import RunningCollector, collector_command, running_collector

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
        (device.folder / "card.txt").write_text(fleet.desk.card_file.read_text() + "\n")
        wait_until(lambda: state_of(device) == "token-taken", "the same list does not let it in under another name")
        fleet.desk.publish(row(device))
        wait_until(lambda: name_of(device) not in {"", first}, "a new list does")
