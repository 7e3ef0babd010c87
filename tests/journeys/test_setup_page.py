"""The set-up page as its own processes serve it: a session opened on the serial console, and a line that the site then has. A
test stands for the browser and for the counting process; tests/setting_up/test_page.py has a real browser.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safecount.edges.durable_file import replace_file
from safecount.edges.identity import load_identity
from safecount.settings import read_site
from safecount.wire.code_line import CodeLine, Side
from safecount.wire.enrolment import setup_code_bytes
from safecount.wire.scene import SilhouetteLevel
from safecount.wire.setup_session import Proposal, code_text, encode_proposal
from simulators.device import DEVICE, wait_until
from simulators.door_show import DoorShow
from simulators.setup_bench import Setup, setup_bench

SOUTH = {"door": "south", "start": [100, 400], "end": [900, 500], "in_side": "down"}
NEAR_ENOUGH_S = 2.6
"""Longer than the tolerance, which is left out at both ends of a round."""


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with setup_bench(tmp_path) as one:
        yield one


def test_from_the_console_to_a_line_of_the_site(setup: Setup) -> None:
    code = setup.open()
    with (
        setup.device.running("seal"),
        setup.device.running("setup") as page,
        DoorShow(setup.scene_socket) as door,
    ):
        wait_until(setup.answers, "the page opens")
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

        assert setup.post("do", what="certify").status_code == 409, "there was no round"
        assert setup.post("do", what="end").ok
        assert page.wait(5) == 0
    assert not list(setup.device.folder.rglob("scene.sock")), "nobody takes scenes any more"


def test_another_session_closes_the_one_before(setup: Setup) -> None:
    first = setup.open()
    with setup.device.running("setup"):
        wait_until(setup.answers, "the page opens")
        setup.enter(first)
        second = setup.open()
        wait_until(setup.answers, "the token is void")
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


def test_the_button_opens_the_page_for_whoever_has_the_label(setup: Setup) -> None:
    label = load_identity(*(setup.device.part(name) for name in ("provision", "seal", "uplink"))).label
    setup.press_button(7.0)  # too long for the page, too short for a reset
    setup.press_button(0.3)
    found = setup.say("", r"Set-up page: (http://\S+)/ code on the label for 30 minutes\.")
    setup.base = found[1]
    with setup.device.running("setup"):
        wait_until(setup.answers, "the page opens")
        setup.enter(code_text(setup_code_bytes(label.secret)))
        assert setup.look()["site"] == "station"
