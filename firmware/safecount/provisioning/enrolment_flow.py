"""From blank to enrolled: one table of states, and what each tells the installer. Pure: deciding only.

Its picture is in docs/enrolment.md, and a test holds that page against this table.
"""

from dataclasses import dataclass
from enum import Enum

from safecount.wire.code_text import SITE_CODE_PREFIX
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.fleet import Fleet
from safecount.wire.site_code import SiteCode, is_proven, parse_site_code


class State(Enum):
    """Where an enrolment stands. The value is the word on the serial line."""

    BLANK = "blank"
    ENROLLING = "enrolling"
    ENROLLED = "enrolled"
    NO_NETWORK = "no-network"
    NO_ADDRESS = "no-address"
    WIFI_NOT_FOUND = "wifi-not-found"
    WIFI_PASSWORD = "wifi-password"  # noqa: S105 - a state
    WIFI_REFUSED = "wifi-refused"
    CLOCK_UNSET = "clock-unset"
    NOT_THE_COLLECTOR = "not-the-collector"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a state
    TOKEN_TAKEN = "token-taken"  # noqa: S105 - a state
    COLLECTOR_FAILED = "collector-failed"
    NO_KEYSET = "no-keyset"
    WRONG_KEYSET = "wrong-keyset"
    DISK_FAILED = "disk-failed"
    NOT_LISTED = "not-listed"
    LIST_ENDED = "list-ended"


class Event(Enum):
    """What happens to an enrolment. Those of an attempt have the state that they lead to as their name."""

    CODE_TAKEN = "a good code"
    FLEET_FOUND = "a fleet's line on the card"
    RETRY_DUE = "a while later"
    ASK_DUE = "a while later, with a fleet's line"
    DONE = "all is in place"
    RESET = "a reset"
    NO_NETWORK = "no answer"
    NO_ADDRESS = "no way out"
    WIFI_NOT_FOUND = "the Wi-Fi is not in reach"
    WIFI_PASSWORD = "the Wi-Fi takes another password"  # noqa: S105 - an event
    WIFI_REFUSED = "the access point refuses"
    CLOCK_UNSET = "certificates not valid yet"
    NOT_THE_COLLECTOR = "another CA"
    TOKEN_REFUSED = "token expired or unknown"  # noqa: S105 - an event
    TOKEN_TAKEN = "token used by another device"  # noqa: S105 - an event
    COLLECTOR_FAILED = "an answer without sense"
    NO_KEYSET = "no keyset there"
    WRONG_KEYSET = "a keyset of another controller"
    DISK_FAILED = "the disk takes nothing"
    NOT_LISTED = "not on the fleet's list"
    LIST_ENDED = "the fleet's list is past its date"


TOLD: dict[State, str] = {
    State.BLANK: "Waiting for a site code: hold it before the camera, paste its line here, or put it on the card.",
    State.ENROLLING: "Asking the collector for a certificate.",
    State.ENROLLED: "The device belongs to its site.",
    State.NO_NETWORK: "The collector cannot be reached: check the site's firewall and name server. Tried again by itself.",
    State.NO_ADDRESS: "The network gives no address: check its cable and DHCP. Tried again by itself.",
    State.WIFI_NOT_FOUND: "The Wi-Fi network is not in reach: compare its name, or go nearer. Tried again by itself.",
    State.WIFI_PASSWORD: "The Wi-Fi's password is wrong: give the network again, with its password.",
    State.WIFI_REFUSED: "The access point refuses the device: it must take WPA2 or WPA3 with CCMP, and have room for it.",
    State.CLOCK_UNSET: "The device does not know the time: it needs a time server. Tried again by itself.",
    State.NOT_THE_COLLECTOR: "Another host answers in the collector's place: check the network, or make a new code.",
    State.TOKEN_REFUSED: "The collector does not take the code any more: it has expired, or is another's. Make a new one.",
    State.TOKEN_TAKEN: "The code has been used, by another device or before a reset: make a new one for each device.",
    State.COLLECTOR_FAILED: "The collector cannot give a certificate now. Tried again by itself.",
    State.NO_KEYSET: "The collector has no keyset: the controller must publish one. Tried again by itself.",
    State.WRONG_KEYSET: "The keyset there is not of the controller in the code: make a new code with the right root.pub.",
    State.DISK_FAILED: "The disk takes nothing: try another card.",
    State.NOT_LISTED: "The collector's list does not have this device: tell the operator its serial. Asked again by itself.",
    State.LIST_ENDED: "The operator's list is past its date: a new one must be taken. Asked again by itself.",
}
"""What the installer reads, one sentence a state."""

_OUTCOMES = {
    **{Event[one.name]: one for one in State if one.name in Event.__members__},
    Event.DONE: State.ENROLLED,
}
_TRIED_AGAIN = (
    State.NO_NETWORK,
    State.NO_ADDRESS,
    State.WIFI_NOT_FOUND,
    State.WIFI_PASSWORD,
    State.WIFI_REFUSED,
    State.CLOCK_UNSET,
    State.COLLECTOR_FAILED,
    State.NO_KEYSET,
    State.DISK_FAILED,
)
_NEEDS_A_CODE = (State.NOT_THE_COLLECTOR, State.TOKEN_REFUSED, State.TOKEN_TAKEN, State.WRONG_KEYSET)
_NEEDS_A_LIST = (State.NOT_LISTED, State.LIST_ENDED)
_UNFINISHED = (*_TRIED_AGAIN, *_NEEDS_A_CODE, *_NEEDS_A_LIST)

TABLE: dict[tuple[State, Event], State] = {
    **{(one, Event.CODE_TAKEN): State.ENROLLING for one in (State.BLANK, *_UNFINISHED)},
    **{(one, Event.FLEET_FOUND): State.ENROLLING for one in (State.BLANK, *_UNFINISHED)},
    **{(one, Event.ASK_DUE): State.ENROLLING for one in _UNFINISHED},
    **{(one, Event.RETRY_DUE): State.ENROLLING for one in _TRIED_AGAIN},
    **{(State.ENROLLING, event): state for event, state in _OUTCOMES.items()},
    **{(one, Event.RESET): State.BLANK for one in State if one is not State.BLANK},
}
"""Every step there is. Whatever is not in it changes nothing."""


def step(state: State, event: Event) -> State:
    """The state after the event; the same one if the event means nothing in it."""
    return TABLE.get((state, event), state)


class Refusal(Enum):
    """Why a code changes nothing, as the installer reads it."""

    NOT_OURS = f"This is no site code: those begin with {SITE_CODE_PREFIX}"
    DAMAGED = "The code is damaged or not whole: read or paste it again."
    BAD_SIGNATURE = "The code's signature is wrong: make a new one."
    TOO_NEW = "The code is of another version: update the device first."
    EXPIRED = "The code has expired: make a new one."
    OTHER_DEVICE = "The code is for another device: compare the serial with the label."
    UNPROVEN = "The code was not made with this device's label: scan the label again and make a new one."
    ENROLLED = "The device belongs to a site already: reset it first."


@dataclass(frozen=True, slots=True)
class Owner:
    """What a code is judged by. Its `repr` hides the secret. `now_s` is UTC, None while the clock is not trusted."""

    serial: str
    secret: bytes
    now_s: int | None

    def __repr__(self) -> str:
        return f"Owner({self.serial!r})"


def judge(untrusted: str, state: State, owner: Owner) -> SiteCode | Refusal:
    """The code, if this device may take it in this state. An expiry that cannot be judged here, the collector judges."""
    try:
        code = parse_site_code(untrusted)
    except UntrustedInput as error:
        return _REFUSALS.get(error.reason, Refusal.DAMAGED)
    if code.serial != owner.serial:
        return Refusal.OTHER_DEVICE
    if not is_proven(code, owner.secret):
        return Refusal.UNPROVEN
    if owner.now_s is not None and owner.now_s >= code.expires_s:
        return Refusal.EXPIRED
    if (state, Event.CODE_TAKEN) not in TABLE:
        return Refusal.ENROLLED
    return code


def judge_listed(untrusted: str, fleet: Fleet, owner: Owner) -> SiteCode | Event:
    """The site code that the collector has for this device, if the fleet's signer has signed it for no other."""
    try:
        code = parse_site_code(untrusted)
    except UntrustedInput:
        return Event.COLLECTOR_FAILED
    if code.serial != owner.serial or code.signer != fleet.signer:
        return Event.NOT_THE_COLLECTOR
    if owner.now_s is not None and owner.now_s >= code.expires_s:
        return Event.LIST_ENDED
    return code


_REFUSALS = {
    Reason.WRONG_TYPE: Refusal.NOT_OURS,
    Reason.BAD_SIGNATURE: Refusal.BAD_SIGNATURE,
    Reason.UNSUPPORTED_VERSION: Refusal.TOO_NEW,
}
