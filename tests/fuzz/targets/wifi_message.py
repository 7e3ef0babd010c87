"""What comes on wpa_supplicant's control socket; names of strangers' networks stand in it."""

from safecount.provisioning.wifi_state import Wifi, heard
from simulators.supplicant import CONNECTED, FULL, LOST, NOT_FOUND, SAE_REJECT, WRONG_KEY

FORM = "text"
SEEDS = [f"<3>{event}".encode() for event in (WRONG_KEY, NOT_FOUND, SAE_REJECT, FULL, CONNECTED, LOST)]
SEEDS += [b"OK\n", b"bssid=02:00:00:00:00:01\nssid=street\nwpa_state=COMPLETED\n"]


def one_input(data: bytes) -> None:
    after = heard(Wifi.SEARCHING, data)
    if after is Wifi.WRONG_PASSWORD:
        assert b"reason=WRONG_KEY" in data or b"status_code=15" in data
    assert heard(after, data) in {after, Wifi.SEARCHING}
