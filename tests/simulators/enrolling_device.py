"""A blank device, and what operator and controller do at the real collector to have it enrol there."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.edges.identity import load_identity
from safecount.wire.enrolment import encode_label
from safecount.wire.keyset import Keyset, Role, sign_keyset
from safecount_ops.__main__ import main
from safecount_ops.collector.intake import read_receipt_key
from safecount_ops.controller.home import CollectorAddress
from safecount_ops.controller.https import CollectorClient
from simulators.device import DeviceFolder
from simulators.keys import reader, signing_key
from simulators.running_collector import RunningCollector

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


def put_code_on_the_card(
    folder: Path, device: DeviceFolder, collector: RunningCollector, site: str = "station"
) -> None:
    root = signing_key("root").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "root.pub").write_bytes(root)
    label = load_identity(*(device.part(name) for name in ("provision", "seal", "uplink"))).label
    arguments = ["--url", collector.devices_url, "--root", str(folder / "root.pub"), "--label", encode_label(label)]
    place = ["--site", site, "--zone", "Europe/Berlin", "--line", "north=0.5,0:0.5,1:right"]
    out = folder / "code.txt"
    assert main(["site-qr", str(collector.folder), *arguments, *place, "--out", str(out)]) == 0
    out.rename(folder / "card.txt")
