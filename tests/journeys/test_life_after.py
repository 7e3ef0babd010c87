"""After an enrolment: a reset by the collector or the button, another site, a thief. The collector is the real one."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from safecount.edges.identity import load_identity
from safecount.settings import read_site
from safecount.wire.reset_order import sign_reset
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient
from safecount_ops.enrolment.signer import load_signer
from simulators.device import DeviceFolder, wait_until
from simulators.enrolling_device import blank_device, publish_keyset, put_code_on_the_card
from simulators.keys import signing_key
from simulators.running_collector import RunningCollector, collector_command, running_collector
from simulators.setup_bench import setup_bench


def name_of(device: DeviceFolder) -> str:
    site = read_site(device.part("site") / "site.toml")
    return "" if site is None else site.device


def delivered(address: CollectorAddress, name: str) -> int:
    """How many envelopes of the device the controller could fetch."""
    with CollectorClient(address) as client:
        found = [one for one in client.directory(None).devices if one.device == name]
    return sum(reach.last_sequence for one in found for reach in one.chains)


def enrolled(stack: ExitStack, folder: Path, device: DeviceFolder, collector: RunningCollector) -> CollectorAddress:
    """All of the device's processes that deliver run, and its first record is at the collector."""
    address = publish_keyset(collector)
    (device.folder / "run" / "session").mkdir()
    put_code_on_the_card(folder, device, collector)
    for role in ("provision", "seal", "uplink"):
        stack.enter_context(device.running(role))
    wait_until(lambda: name_of(device), "the site file")
    wait_until(lambda: delivered(address, name_of(device)), "a record at the collector")
    return address


def test_an_order_of_its_collector_resets_a_device_which_then_moves_to_another_site(tmp_path: Path) -> None:
    device = blank_device(tmp_path)
    keys = [device.part(part) for part in ("provision", "seal", "uplink")]
    told = device.folder / "run" / "session" / "enrolment"
    with ExitStack() as stack:
        collector = stack.enter_context(running_collector(tmp_path / "collector"))
        address = enrolled(stack, tmp_path, device, collector)
        first, label = name_of(device), load_identity(*keys).label
        for forged in (sign_reset(first, signing_key("root")), sign_reset(first[:-1], load_signer(collector.folder))):
            (device.part("uplink") / "reset.order").write_bytes(forged)
        collector_command("reset", collector.folder, first)
        wait_until(lambda: not name_of(device), "the order is obeyed")
        wait_until(lambda: not (device.part("seal") / "forget").exists(), "the spool is emptied")
        wait_until(lambda: told.read_text() == "blank", "it waits for a code, and takes the one on the card no more")
        assert not device.spool_file.exists()
        assert load_identity(*keys).label == label
        put_code_on_the_card(tmp_path, device, collector, site="airport")
        wait_until(lambda: name_of(device), "another site's code is taken")
        wait_until(lambda: delivered(address, name_of(device)), "a record under another name")
        site = read_site(device.part("site") / "site.toml")
        assert site is not None
        assert (site.site, site.device != first) == ("airport", True)
        assert "reset" in collector_command("audit", collector.folder)


def test_a_stolen_device_delivers_nothing_more_from_its_next_contact_on_and_can_still_be_wiped(tmp_path: Path) -> None:
    device = blank_device(tmp_path)
    with ExitStack() as stack:
        collector = stack.enter_context(running_collector(tmp_path / "collector"))
        address = enrolled(stack, tmp_path, device, collector)
        stolen = name_of(device)
        collector_command("set-active", collector.folder, stolen, "no")
        before = delivered(address, stolen)
        waiting = device.part("spool") / "spool.db-wal"
        size = waiting.stat().st_size
        wait_until(lambda: waiting.stat().st_size > size + 12_000, "records that nobody takes")
        assert delivered(address, stolen) == before
        collector_command("reset", collector.folder, stolen)
        wait_until(lambda: not name_of(device), "it is wiped")


@pytest.mark.parametrize(("held_s", "goes"), [(7.0, False), (10.5, True), (90.0, False)])
def test_the_button_resets_when_it_is_held_for_ten_seconds(tmp_path: Path, held_s: float, goes: bool) -> None:  # noqa: FBT001
    with setup_bench(tmp_path) as setup:
        setup.press_button(held_s)
        setup.say("status", "blank: " if goes else "enrolled: ", again_s=0.5)
        assert (name_of(setup.device) == "") == goes
