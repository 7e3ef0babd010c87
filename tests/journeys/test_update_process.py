"""`safecount update` as a process, against a published folder on loopback."""

from pathlib import Path

import pytest

from safecount.edges.autoboot import content
from safecount.wire.errors import UntrustedInput
from safecount.wire.update_state import Refusal, UpdateReport, UpdateState, decode_report
from simulators.device import DeviceFolder, wait_until
from simulators.release_desk import ReleaseDesk
from simulators.release_server import ReleaseServer, Weather

SETTINGS = """
[update]
repository = "{url}"
root_file = "{desk}/public/metadata/1.root.json"
keyring_file = "{desk}/rauc/ca.pem"
board_file = "{folder}/board"
autoboot_file = "{folder}/autoboot.txt"
sources = []
ask_every_s = 0.2
first_ask_s = 0.1
"""


@pytest.fixture
def desk(tmp_path: Path) -> ReleaseDesk:
    return ReleaseDesk(tmp_path / "desk").create()


def report(device: DeviceFolder) -> UpdateReport | None:
    try:
        return decode_report((device.part("update") / "report.cbor").read_bytes())
    except (OSError, UntrustedInput):
        return None


def saw(device: DeviceFolder, state: UpdateState, reason: Refusal | None = None) -> bool:
    told = report(device)
    return told is not None and (told.state, told.reason) == (state, reason)


def test_it_asks_tells_why_and_recovers(desk: ReleaseDesk, tmp_path: Path) -> None:
    device = DeviceFolder(tmp_path / "device")
    (tmp_path / "device").mkdir()
    (device.folder / "board").write_text("rpi\n")
    (device.folder / "autoboot.txt").write_bytes(content("A"))
    with ReleaseServer(desk.public) as server:
        server.weather = Weather(status=500)
        device.configure(SETTINGS.format(url=server.url, desk=desk.folder, folder=device.folder))
        with device.running("update"):
            wait_until(lambda: saw(device, UpdateState.REFUSED, Refusal.BAD_ANSWER), "the refusal is told")
            server.weather = Weather(at="$^")
            wait_until(lambda: saw(device, UpdateState.NOTHING_NEW), "and forgotten when the server is well")
            desk.publish(desk.bundle("9.0.0"))
            wait_until(
                lambda: saw(device, UpdateState.REFUSED, Refusal.INSTALL_FAILED),
                "a desk has no slots: the bundle is fetched, and nothing is installed",
            )
            told = report(device)
            assert told is not None
            assert told.release == "9.0.0"
