"""How joining the Wi-Fi goes, as wpa_supplicant tells it over its control socket (wpa_supplicant/ctrl_iface in its sources, and
src/common/wpa_ctrl.h for the events). Pure: the bytes of one message in, a state out.
"""

import re
from enum import Enum

from safecount.provisioning.enrolment_flow import Event

MAX_MESSAGE_BYTES = 4096
_EVENT = re.compile(r"<[0-9]>(CTRL-EVENT-[A-Z-]+)(.*)", re.ASCII | re.DOTALL)
_STATUS = re.compile(r"^wpa_state=([A-Z0-9_]+)$", re.ASCII | re.MULTILINE)
_REASON = re.compile(r" reason=([A-Z_]+)$", re.ASCII)
_CHALLENGE_FAILED = re.compile(r" auth_type=3 .*\bstatus_code=15\b", re.ASCII)
"""SAE (3) whose confirmation the access point does not take: another password (IEEE 802.11-2020, 9.4.1.9 and 12.4.7.6)."""


class Wifi(Enum):
    """Where joining stands. The value is what the serial port says of it."""

    UNKNOWN = "There is no Wi-Fi here, or no network was named."
    SEARCHING = "The Wi-Fi network is looked for."
    JOINED = "The Wi-Fi network is joined."
    NOT_FOUND = "The Wi-Fi network is not in reach: compare its name, and bring the access point nearer."
    WRONG_PASSWORD = "The Wi-Fi's password is wrong: name the network again, with its password."  # noqa: S105 - a state
    REFUSED = "The access point refuses the device: it must take WPA2 or WPA3 with CCMP, and have room for it."


OUTCOMES = {
    Wifi.NOT_FOUND: Event.WIFI_NOT_FOUND,
    Wifi.WRONG_PASSWORD: Event.WIFI_PASSWORD,
    Wifi.REFUSED: Event.WIFI_REFUSED,
}
"""What becomes of an attempt to enrol that has no way out."""

_TELLING = {
    "CTRL-EVENT-CONNECTED": Wifi.JOINED,
    "CTRL-EVENT-NETWORK-NOT-FOUND": Wifi.NOT_FOUND,
    "CTRL-EVENT-AUTH-REJECT": Wifi.REFUSED,
    "CTRL-EVENT-ASSOC-REJECT": Wifi.REFUSED,
}
"""The events that say all by their name."""


def heard(state: Wifi, untrusted: bytes) -> Wifi:
    """The state after a message: an event, or the answer to STATUS. Whatever else it is, it changes nothing."""
    if len(untrusted) > MAX_MESSAGE_BYTES:
        return state
    text = untrusted.decode("utf-8", "replace")
    if found := _EVENT.fullmatch(text):
        return _after_event(state, found[1], found[2].rstrip("\n"))
    if found := _STATUS.search(text):
        if found[1] == "COMPLETED":
            return Wifi.JOINED
        return Wifi.SEARCHING if state in {Wifi.JOINED, Wifi.UNKNOWN} else state
    return state


def _after_event(state: Wifi, name: str, rest: str) -> Wifi:
    if name == "CTRL-EVENT-DISCONNECTED":
        return Wifi.SEARCHING if state is Wifi.JOINED else state
    if name == "CTRL-EVENT-SSID-TEMP-DISABLED":
        reason = _REASON.search(rest)
        return Wifi.WRONG_PASSWORD if reason and reason[1] == "WRONG_KEY" else state
    if name == "CTRL-EVENT-AUTH-REJECT" and _CHALLENGE_FAILED.search(rest):
        return Wifi.WRONG_PASSWORD
    return _TELLING.get(name, state)
