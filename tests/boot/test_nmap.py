"""Somebody in the shop's network looks at a running device with nmap: it answers on no port, by TCP or UDP."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from boot.bench import Bench
from boot.board import CABLE
from debian import need

pytestmark = pytest.mark.image

OURS = "192.0.2.1"
LEASED = "192.0.2.10"
LEASE = "cat /run/systemd/netif/leases/*"
OPEN = re.compile(r"^\d+/\w+ +open +", re.MULTILINE)
"""Not `open|filtered`: so nmap calls a UDP port that does not answer."""
FOUR = [LEASED]
SIX = ["-6", f"fe80::5054:ff:fe12:3456%{CABLE}"]
"""The address that the kernel makes of the emulated network card's own (RFC 4291, appendix A)."""


@pytest.fixture(scope="module")
def inside() -> Iterator[Sequence[str]]:
    """Words that lead a command into a network of its own, in which a router gives the device an address."""
    name = f"safecount-{os.getpid()}"
    ip, router = need("ip"), need("dnsmasq")
    into = (ip, "netns", "exec", name)
    subprocess.run([ip, "netns", "add", name], check=True)
    try:
        for words in (
            f"tuntap add {CABLE} mode tap",
            f"address add {OURS}/24 dev {CABLE}",
            f"link set {CABLE} up",
            "link set lo up",
        ):
            subprocess.run([*into, ip, *words.split()], check=True)
        lease = ["--port=0", f"--interface={CABLE}", f"--dhcp-range={LEASED},{LEASED},1h", "--leasefile-ro"]
        process = subprocess.Popen(
            [*into, router, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", *lease]
        )
        try:
            yield into
        finally:
            process.terminate()
            process.wait()
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True)


@pytest.fixture(scope="module")
def connected(bench: Bench, inside: Sequence[str]) -> Iterator[Bench]:
    bench.board.cut()
    bench.board.entering = inside
    bench.power(1)
    bench.board.until(f"grep -q ADDRESS={LEASED} /run/systemd/netif/leases/*", 400)
    bench.board.until("systemctl is-active safecount-vision safecount-uplink nftables", 400)
    yield bench
    bench.board.cut()
    bench.board.entering = ()


def scanned(inside: Sequence[str], *words: str) -> str:
    command = [*inside, need("nmap"), "-n", "-Pn", "--max-retries", "1", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout


@pytest.mark.parametrize("where", [FOUR, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    "how",
    [["-sS", "-p-", "--min-rate", "1500"], ["-sU", "--top-ports", "200", "--min-rate", "50"]],
    ids=["every TCP port", "the UDP ports that are open most often"],
)
@pytest.mark.usefixtures("connected")
def test_no_port_answers(inside: Sequence[str], where: Sequence[str], how: Sequence[str]) -> None:
    told = scanned(inside, *how, *where)
    assert "Host is up" in told, told
    assert not OPEN.search(told), told
    assert " closed" not in told, f"a refusal is an answer, too:\n{told}"


def test_the_scan_would_find_what_answers(connected: Bench, inside: Sequence[str]) -> None:
    """Without the firewall the kernel refuses, which is an answer."""
    connected.board.ask("nft flush ruleset")
    assert "8080/tcp closed" in scanned(inside, "-sS", "-p", "8080", *FOUR)
