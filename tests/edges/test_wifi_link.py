"""The control socket: the same tests with the real wpa_supplicant, over a wired interface, and with the simulated one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from debian import need
from safecount.edges.wifi_file import put_wifi
from safecount.edges.wifi_link import WifiLink
from safecount.provisioning.wifi_state import Wifi
from safecount.wire.wifi_code import WifiCode
from simulators.device import wait_until
from simulators.supplicant import CONNECTED, FULL, LOST, NOT_FOUND, SAE_REJECT, WRONG_KEY, Supplicant

LINK = """
import sys, time
from pathlib import Path
from safecount.edges.wifi_link import WifiLink
with WifiLink(Path(sys.argv[1]), 0.1) as link:
    until_s = time.monotonic() + 15
    while link.state.name != sys.argv[2] and time.monotonic() < until_s:
        link.look()
        time.sleep(0.05)
    print(link.state.name)
"""


@pytest.fixture
def supplicant(tmp_path: Path) -> Iterator[Supplicant]:
    with Supplicant(tmp_path / "wlan0") as serving:
        yield serving


def state_after(link: WifiLink, state: Wifi) -> None:
    wait_until(lambda: link.look() or link.state is state, state.name, 5)
    assert link.state is state


def test_the_real_wpa_supplicant_answers_it_and_tells_that_it_has_joined(tmp_path: Path) -> None:
    """In a network namespace of its own, whose loopback interface stands for a wire: that driver needs no radio."""
    put_wifi(tmp_path, WifiCode("street", ""), tmp_path / "control")
    (tmp_path / "control").mkdir()
    supplicant = f"{need('wpa_supplicant')} -D wired -i lo -c {tmp_path / 'wpa_supplicant.conf'}"
    lines = [
        f"{need('ip')} link set lo up",
        f"{supplicant} > {tmp_path / 'log'} & running=$!",
        f"{sys.executable} -c '{LINK}' {tmp_path / 'control' / 'lo'} JOINED",
        "kill $running; wait",
    ]
    told = subprocess.run(
        [need("unshare"), "-rn", "sh", "-c", "\n".join(lines)], check=False, capture_output=True, text=True, timeout=30
    )
    assert told.stdout == "JOINED\n", told.stderr + (tmp_path / "log").read_text()


def test_the_real_one_has_the_words_that_the_simulated_one_says() -> None:
    """What is printed in the places of %u and %s it says by these formats."""
    program = Path(need("wpa_supplicant")).read_bytes()
    for event in (WRONG_KEY, NOT_FOUND, SAE_REJECT, FULL, CONNECTED, LOST):
        assert event.split(" ")[0].encode() + b" " in program, event
    for words in (
        b'ssid="%s" auth_failures=%u duration=%d reason=%s',
        b"WRONG_KEY",
        b"auth_type=%u auth_transaction=%u status_code=%u",
    ):
        assert words in program


def test_what_happens_is_heard(supplicant: Supplicant, tmp_path: Path) -> None:
    with WifiLink(tmp_path / "wlan0", 0.05) as link:
        state_after(link, Wifi.SEARCHING)
        for event, state in (
            (NOT_FOUND, Wifi.NOT_FOUND),
            (WRONG_KEY, Wifi.WRONG_PASSWORD),
            (FULL, Wifi.REFUSED),
            (CONNECTED, Wifi.JOINED),
            (LOST, Wifi.SEARCHING),
            (SAE_REJECT, Wifi.WRONG_PASSWORD),
        ):
            supplicant.tell(event)
            state_after(link, state)


def test_it_finds_one_that_is_started_later_or_again(tmp_path: Path) -> None:
    with WifiLink(tmp_path / "wlan0", 0.05) as link:
        assert not link.look()
        assert link.state is Wifi.UNKNOWN
        for _ in range(2):
            with Supplicant(tmp_path / "wlan0") as supplicant:
                state_after(link, Wifi.SEARCHING)
                supplicant.tell(WRONG_KEY)
                state_after(link, Wifi.WRONG_PASSWORD)
            state_after(link, Wifi.UNKNOWN)


def test_what_the_service_of_another_network_says_counts_no_more(tmp_path: Path) -> None:
    with WifiLink(tmp_path / "wlan0", 0.05) as link:
        with Supplicant(tmp_path / "wlan0") as before:
            state_after(link, Wifi.SEARCHING)
            before.tell(CONNECTED)
            state_after(link, Wifi.JOINED)
            link.forget()
            until_s = time.monotonic() + 0.3
            while time.monotonic() < until_s:
                link.look()
                assert link.state is Wifi.UNKNOWN, "it is still joined to the network before"
        with Supplicant(tmp_path / "wlan0"):
            state_after(link, Wifi.SEARCHING)


def test_a_flood_is_taken_in_bounded_looks(supplicant: Supplicant, tmp_path: Path) -> None:
    with ExitStack() as stack:
        link = stack.enter_context(WifiLink(tmp_path / "wlan0", 0.05))
        state_after(link, Wifi.SEARCHING)
        for _ in range(8):
            supplicant.tell("x" * 3000)
        supplicant.tell(CONNECTED)
        state_after(link, Wifi.JOINED)
