"""The set-up page as its own processes serve it: a session opened on the serial console, a line that the site then has,
and a certificate that the seal process signs. A test stands for the browser and for the counting process.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from safecount.edges.durable_file import replace_file
from safecount.settings import read_site
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.setup_session import Proposal, encode_proposal
from safecount.wire.site_code import CodeLine, Side
from safecount.wire.validation import parse_certificate
from simulators.device import DEVICE, DeviceFolder, wait_until
from simulators.door_show import RULE, DoorShow
from simulators.keys import signing_key
from simulators.tls import Authority

SOUTH = {"door": "south", "start": [100, 400], "end": [900, 500], "in_side": "down"}
NEAR_ENOUGH_S = 2.6
"""Longer than the tolerance, which is left out at both ends of a round."""


@dataclass
class Setup:
    """A device with its page's process, the console that it said the code on, and a browser's requests."""

    device: DeviceFolder
    console: int
    base: str = ""
    token: str = ""

    def say(self, command: str, answer: str) -> re.Match[str]:
        """Say a line on the serial console, and wait for an answer of that form."""
        heard = ""
        until_s = time.monotonic() + 20
        os.write(self.console, f"{command}\n".encode())
        while time.monotonic() < until_s:
            heard += os.read(self.console, 4096).decode()
            if found := re.search(answer, heard):
                return found
        raise AssertionError(f"the console said {heard!r}")

    def open(self) -> str:
        """Open a session; its code."""
        found = self.say("setup", r"Set-up page: (http://\S+)/ code (\S+) for 30 minutes\.")
        self.base = found[1]
        return found[2]

    def post(self, name: str, **fields: object) -> requests.Response:
        headers = {"Origin": self.base, "Authorization": f"Bearer {self.token}"}
        return requests.post(f"{self.base}/api/{name}", json=fields, headers=headers, timeout=20)

    def look(self) -> dict[str, Any]:
        answer = requests.get(
            f"{self.base}/api/look?after=0", headers={"Authorization": f"Bearer {self.token}"}, timeout=20
        )
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def enter(self, code: str) -> None:
        self.token = self.post("enter", code=code).json()["token"]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.fixture
def setup(tmp_path: Path, free_port: int) -> Iterator[Setup]:
    device = DeviceFolder(tmp_path)
    ours, console = os.openpty()
    device.configure(
        f'[provision]\nboot_file = "{tmp_path}/none"\nserial_port = "{os.ttyname(console)}"\n'
        f'[setup]\ninterface = ""\naddress = "127.0.0.1"\nport = {free_port}\n'
    )
    for name in ("session", "scene", "setup", "certificate"):
        (tmp_path / "run" / name).mkdir()
    authority = Authority(tmp_path)
    device.enrol("https://collector.invalid", authority)
    with ExitStack() as stack:
        stack.enter_context(device.running("provision"))
        one = Setup(device, ours)
        time.sleep(1.5)  # the port is opened; a `setup` that is said twice would open two sessions
        yield one
    os.close(ours)
    os.close(console)


def test_from_the_console_to_a_line_and_a_certificate(setup: Setup) -> None:
    code = setup.open()
    with (
        setup.device.running("seal"),
        setup.device.running("setup") as page,
        DoorShow(setup.device.folder / "run" / "scene" / "scene.sock") as door,
    ):
        wait_until(lambda: answers(setup), "the page opens")
        assert setup.post("press", line=0, inward=True).status_code == 401, "nothing without the code"
        assert setup.post("enter", code="aaaa-aaaa").status_code == 403
        setup.enter(code.upper())
        assert setup.post("enter", code=code).status_code == 403, "a code is good once"
        wait_until(lambda: setup.look()["seeing"], "the door is shown")
        view = setup.look()
        assert (view["site"], view["device"], view["lines"][0]["door"]) == ("station", DEVICE, "north")
        assert view["silhouette"]["columns"] == 32

        assert setup.post("lines", lines=[SOUTH]).ok
        wait_until(lambda: door.wish is not None and door.wish.lines[0].door == "south", "the line is tried")
        door.cross(0, inward=True)
        wait_until(lambda: setup.look()["lines"][0]["in"] == 1, "a crossing is told")
        assert setup.post("level", level=int(SilhouetteLevel.COARSE)).ok
        assert setup.post("level", level=int(SilhouetteLevel.OUTLINES)).status_code == 409
        assert setup.post("do", what="save").ok, "provisioning keeps the line"
        site = read_site(setup.device.part("site") / "site.toml")
        assert site
        assert [line.door for line in site.line] == ["south"]
        assert (site.device, site.zone, site.silhouettes) == (DEVICE, "Europe/Berlin", "coarse")

        said = parse_certificate(certified(setup, door))
        assert said.key == signing_key("device").public_key().public_bytes_raw()
        assert (said.device, said.site, said.rule) == (DEVICE, "station", RULE)
        assert (said.all_passings.passings, said.all_passings.percent) == (40, 95)
        assert setup.post("do", what="end").ok
        assert page.wait(5) == 0
    assert not list(setup.device.folder.rglob("scene.sock")), "nobody takes scenes any more"
    on_disk = b"".join(path.read_bytes() for path in (setup.device.folder / "state").rglob("*") if path.is_file())
    assert b"safecount-validation" not in on_disk, "what was measured is in memory alone"


def certified(setup: Setup, door: DoorShow) -> bytes:
    """A round in which 40 people come, two of whom the device misses."""
    assert setup.post("do", what="start-round").ok
    assert setup.post("lines", lines=[SOUTH | {"door": "other"}]).status_code == 409, "not while a round runs"
    time.sleep(NEAR_ENOUGH_S)
    for n in range(40):
        if n not in {11, 30}:
            door.cross(0, inward=True)
        assert setup.post("press", line=0, inward=True).ok
    time.sleep(NEAR_ENOUGH_S + 0.3)
    assert setup.post("do", what="finish-round").ok
    assert setup.look()["result"]["whole"]["percent"] == 95
    answer = setup.post("do", what="certify")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="validation-{DEVICE}.cose"'
    return answer.content


def test_another_session_closes_the_one_before(setup: Setup) -> None:
    first = setup.open()
    with setup.device.running("setup"):
        wait_until(lambda: answers(setup), "the page opens")
        setup.enter(first)
        second = setup.open()
        wait_until(lambda: answers(setup, 401), "the token is void")
        assert setup.post("enter", code=first).status_code == 403
        setup.enter(second)
        assert setup.look()["left_s"] > 1700


def test_without_a_session_there_is_no_page_and_nothing_is_kept(setup: Setup) -> None:
    command = [sys.executable, "-m", "safecount", "setup", "--settings", str(setup.device.settings_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "safecount: No set-up session is open: press the device's button, or say `setup` on its serial console.\n",
    )
    before = (setup.device.part("site") / "site.toml").read_bytes()
    lines = (CodeLine("evil", (0, 0), (500, 500), Side.DOWN),)
    replace_file(
        setup.device.folder / "run" / "setup" / "proposal", encode_proposal(Proposal(lines, SilhouetteLevel.PATHS))
    )
    time.sleep(1.0)
    assert (setup.device.part("site") / "site.toml").read_bytes() == before


def answers(setup: Setup, status: int = 401) -> bool:
    """Whether the page answers a press so; not while it is between two sessions."""
    try:
        return setup.post("press", line=0, inward=True).status_code == status
    except requests.RequestException:
        return False
