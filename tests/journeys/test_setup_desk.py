"""The set-up page before a real clip, with the real counting process: what `make setup-page` starts."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from safecount.counting.values import LineSettings
from safecount.settings import read_site
from safecount.wire.scene import MAX_CELLS
from safecount_ops.assets import find_asset
from safecount_ops.desk.desk_device import DeskDevice
from safecount_ops.desk.models import REGISTRY_MODEL
from simulators.device import wait_until

LINE = LineSettings("x62", "x62", (0.62, 0.15), (0.62, 1.0), "right")
MOVED = {"door": "x62", "start": [600, 150], "end": [600, 1000], "in_side": "right"}


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
    return number


def test_silhouettes_paths_and_counts_come_from_the_camera_and_a_saved_line_is_counted_on(
    tmp_path: Path, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    device = DeskDevice(tmp_path / "device", port)
    device.lay_out(find_asset("vtest"), REGISTRY_MODEL, [LINE])
    hurried = device.settings_file.read_text().replace("[clip]", "[clip]\npaced = false")
    device.settings_file.write_text(hurried)
    with device.running() as session, requests.Session() as browser:
        base = session.address.rstrip("/")
        browser.headers["Origin"] = base
        token = browser.post(f"{base}/api/enter", json={"code": session.code}, timeout=10).json()["token"]
        browser.headers["Authorization"] = f"Bearer {token}"

        def look() -> dict[str, object]:
            view: dict[str, object] = browser.get(f"{base}/api/look?after=0", timeout=10).json()
            return view

        def crossed() -> bool:
            view = look()
            line = view["lines"][0]  # type: ignore[index] # a view is JSON
            return bool((line["in"] or line["out"]) and view["paths"])

        wait_until(crossed, "people cross the line")
        silhouette = look()["silhouette"]
        assert isinstance(silhouette, dict)
        assert max(silhouette["columns"], silhouette["rows"]) <= MAX_CELLS
        assert browser.post(f"{base}/api/lines", json={"lines": [MOVED]}, timeout=10).ok
        assert browser.post(f"{base}/api/do", json={"what": "save"}, timeout=10).ok
        site = read_site(device.site_file)
        assert site
        assert site.line[0].start == (0.6, 0.15)
        wait_until(crossed, "the line that was saved is crossed")
        assert browser.post(f"{base}/api/do", json={"what": "end"}, timeout=10).ok
        assert session.page.wait(5) == 0
    said = capfd.readouterr().err
    assert said.count("Frames are being counted.") == 1, "the camera was not opened again"
    assert said.count("its counts are released") == 1, "the same doors: their bins go on"


def test_the_command_prints_where_to_look_and_ends_when_it_is_told(port: int) -> None:
    command = [sys.executable, "-m", "safecount_ops", "setup-page", "--port", str(port), "--model", REGISTRY_MODEL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = process.stdout.readline()
    found = re.fullmatch(rf"Set-up page: http://127\.0\.0\.1:{port}/ code \S+ for 30 minutes\.\n", said)
    try:
        assert found, said
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=10).ok
    finally:
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=10)
