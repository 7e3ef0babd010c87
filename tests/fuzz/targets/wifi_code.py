"""parse_wifi, and the file that wpa_supplicant reads of it: a name or password adds no line of its own to it."""

from pathlib import Path

from safecount.edges.wifi_file import supplicant_conf
from safecount.wire.wifi_code import parse_wifi

CONTROL = Path("/run/safecount/wifi")
SEEDS = [b'WIFI:T:WPA;S:a \\"street\\";P:correct \\; horse;H:true;;', b"WIFI:T:nopass;S:open;;", b"WIFI:S:x;;"]
_BEGINNINGS = (
    f"ctrl_interface={CONTROL}",
    "network={",
    "}",
    "\tssid=",
    "\tproto=RSN",
    "\tpairwise=CCMP",
    "\tgroup=CCMP",
    "\tkey_mgmt=",
    "\tieee80211w=1",
    '\tpsk="',
    "\tscan_ssid=1",
)


def one_input(data: bytes) -> None:
    lines = supplicant_conf(parse_wifi(data.decode("utf-8", "replace")), CONTROL).splitlines()
    assert all(line.startswith(_BEGINNINGS) for line in lines)
    assert len({line.partition("=")[0] for line in lines}) == len(lines)
