"""The Wi-Fi network that the device joins, as the file that wpa_supplicant reads (wpa_supplicant.conf(5)).

It is in a folder of the data partition that only provisioning and wpa_supplicant may enter.
"""

from pathlib import Path

from safecount.edges.durable_file import replace_file
from safecount.wire.wifi_code import WifiCode

WIFI_INTERFACE = "wlan0"
WIFI_FILE = "wpa_supplicant.conf"
_FOR_THE_GROUP = 0o640


def put_wifi(folder: Path, code: WifiCode, control: Path) -> None:
    """Make this the network to join, in the place of any before. OSError if the disk does not take it."""
    replace_file(folder / WIFI_FILE, supplicant_conf(code, control).encode("ascii"), _FOR_THE_GROUP)


def supplicant_conf(code: WifiCode, control: Path) -> str:
    """The file's text; `control` is the folder of the control sockets. The name stands in hexadecimal; a quoted password ends
    at the line's last quote, whatever is in it.
    """
    network = [f"ssid={code.name.encode().hex()}"]
    if code.password:
        network += ["proto=RSN", "pairwise=CCMP", "group=CCMP"]  # no WPA of the first kind, no TKIP
        network += ["key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", "ieee80211w=1", f'psk="{code.password}"']
    else:
        network += ["key_mgmt=NONE"]
    if code.hidden:
        network += ["scan_ssid=1"]
    return f"ctrl_interface={control}\nnetwork={{\n" + "".join(f"\t{line}\n" for line in network) + "}\n"
