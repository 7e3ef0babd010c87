"""The Wi-Fi is named by Improv over the serial port, with the software of others (npm improv-wifi-serial-sdk)."""

import json
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from debian import need
from safecount import __version__
from safecount.edges.wifi_file import WIFI_FILE
from safecount.provisioning.improv import HEAD
from simulators.device import DeviceFolder
from simulators.enrolment_site import Site, enrolment_site
from simulators.supplicant import CONNECTED, WRONG_KEY, Supplicant

assert enrolment_site, "the fixture `site`"
PASSWORD = "the right password"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client of improv/, with the packages of its lock file."""
    folder = tmp_path_factory.mktemp("improv") / "improv"
    shutil.copytree(Path(__file__).parent / "improv", folder)
    npm = [need("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--silent"]
    subprocess.run(npm, cwd=folder, check=True, timeout=120)
    # Written for bundlers, it does not say that its files are modules.
    (folder / "node_modules" / "improv-wifi-serial-sdk" / "dist" / "package.json").write_text('{"type": "module"}')
    return folder / "name_the_wifi.mjs"


@contextmanager
def joining_service(site: Site) -> Iterator[None]:
    """Does what the image's service does: joins the network in the file, each time that it is replaced."""
    over = threading.Event()
    thread = threading.Thread(target=_join, args=(site.device, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _join(device: DeviceFolder, over: threading.Event) -> None:
    file, control = device.part("wifi") / WIFI_FILE, device.folder / "run" / "wifi" / "wlan0"
    while not over.is_set():
        if not file.exists():
            time.sleep(0.05)
            continue
        stamp = file.stat().st_mtime_ns
        event = CONNECTED if f'psk="{PASSWORD}"' in file.read_text() else WRONG_KEY
        with Supplicant(control) as supplicant:
            while not over.is_set() and file.stat().st_mtime_ns == stamp:
                time.sleep(0.1)
                supplicant.tell(event)


def splice(terminal: int, process: subprocess.Popen[bytes]) -> None:
    """Be the cable between the device's port and the client until the client has ended."""
    assert process.stdin
    assert process.stdout
    out = process.stdout.fileno()
    while process.poll() is None:
        ready, _, _ = select.select([terminal, out], [], [], 0.05)
        if terminal in ready:
            process.stdin.write(os.read(terminal, 4096))
        if out in ready and (said := os.read(out, 4096)):
            os.write(terminal, said)


def run_client(site: Site, client: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [need("node"), str(client), *arguments]
    pipe = subprocess.PIPE
    with (
        (site.folder / "told").open("w+b") as told,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=told, bufsize=0) as process,
    ):
        try:
            splice(site.terminal, process)
        finally:
            process.kill()
        told.seek(0)
        lines = told.read().decode()
    assert process.returncode == 0, lines
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def test_the_sdk_of_others_names_the_network_and_hears_of_a_wrong_password(site: Site, client: Path) -> None:
    (site.device.folder / "run" / "wifi").mkdir()
    with site.device.running("provision"), joining_service(site):
        site.type("serial")
        site.expect("sc-")
        serial = "sc-" + site.heard.split("\r\n")[0]
        about, wrong, right, scan, end = run_client(site, client, "street", "a wrong password", PASSWORD)
        assert about["info"]["firmware"] == "safecount"
        assert (about["info"]["version"], about["info"]["name"], about["state"]) == (__version__, serial, 2)
        assert wrong == {"joined": False, "error": "UNABLE_TO_CONNECT"}
        assert right == {"joined": True, "state": 4}
        assert (scan, end) == ({"scan": "UNKNOWN_RPC_COMMAND"}, {"state": 4})
        assert f'psk="{PASSWORD}"' in (site.device.part("wifi") / WIFI_FILE).read_text()
        site.type("status")
        site.expect("wifi: The Wi-Fi network is joined.")


def test_half_a_packet_and_lines_live_beside_each_other(site: Site) -> None:
    (site.device.folder / "run" / "wifi").mkdir()
    with site.device.running("provision"):
        site.type("serial")
        site.expect("sc-")
        os.write(site.terminal, b"noise " + HEAD + b"\n" + HEAD + b"\x03\xff")
        time.sleep(1.5)
        site.type("status")
        site.expect("blank: ")
        asked = HEAD + b"\x03\x02\x02\x00"
        site.heard = ""
        os.write(site.terminal, asked + bytes([sum(asked) & 0xFF]) + b"serial\n")
        site.expect("IMPROV\x01\x01\x01\x02")
        site.expect("sc-")
        assert not (site.device.part("wifi") / WIFI_FILE).exists()
