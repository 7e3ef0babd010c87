"""What wpa_supplicant tells, as states: real events, made-up ones, and any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.provisioning.enrolment_flow import State, step
from safecount.provisioning.wifi_state import MAX_MESSAGE_BYTES, OUTCOMES, Wifi, heard
from simulators.supplicant import CONNECTED, FULL, LOST, NOT_FOUND, OTHER_FAILURE, SAE_REJECT, WRONG_KEY


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (WRONG_KEY, Wifi.WRONG_PASSWORD),
        (SAE_REJECT, Wifi.WRONG_PASSWORD),
        (SAE_REJECT.replace("status_code=15", "status_code=1"), Wifi.REFUSED),
        (SAE_REJECT.replace("status_code=15", "status_code=155"), Wifi.REFUSED),
        (FULL, Wifi.REFUSED),
        (NOT_FOUND, Wifi.NOT_FOUND),
        (CONNECTED, Wifi.JOINED),
        (OTHER_FAILURE, Wifi.SEARCHING),
        (WRONG_KEY.replace('"street"', '"a reason=WRONG_KEY"').replace("reason=WRONG_KEY", "reason=X"), Wifi.SEARCHING),
        ("CTRL-EVENT-SCAN-STARTED ", Wifi.SEARCHING),
        (LOST, Wifi.SEARCHING),
    ],
)
def test_an_event_is_told_by_its_name_and_reason(event: str, state: Wifi) -> None:
    for level in (2, 3):
        assert heard(Wifi.SEARCHING, f"<{level}>{event}".encode()) is state


def test_a_wrong_password_stays_until_the_network_is_joined_and_a_lost_one_is_searched() -> None:
    state = heard(Wifi.SEARCHING, f"<3>{WRONG_KEY}".encode())
    for message in (b"wpa_state=SCANNING\n", f"<3>{LOST}".encode(), b"OK\n", b"PONG\n"):
        assert heard(state, message) is Wifi.WRONG_PASSWORD
    assert heard(state, b"bssid=02:00:00:00:00:01\nwpa_state=COMPLETED\n") is Wifi.JOINED
    assert heard(Wifi.JOINED, f"<3>{LOST}".encode()) is Wifi.SEARCHING
    assert heard(Wifi.JOINED, b"wpa_state=SCANNING\n") is Wifi.SEARCHING
    assert heard(Wifi.UNKNOWN, b"wpa_state=INTERFACE_DISABLED\n") is Wifi.SEARCHING


def test_each_of_them_that_keeps_a_device_out_has_a_state_of_its_own() -> None:
    states = {kind: step(State.ENROLLING, event) for kind, event in OUTCOMES.items()}
    assert set(states) == {Wifi.NOT_FOUND, Wifi.WRONG_PASSWORD, Wifi.REFUSED}
    assert len(set(states.values()) - {State.ENROLLING}) == len(states)


@given(st.sampled_from(Wifi), st.binary(max_size=300) | st.just(b"<3>CTRL-EVENT-CONNECTED" + b" " * MAX_MESSAGE_BYTES))
def test_any_other_bytes_change_nothing(state: Wifi, message: bytes) -> None:
    for untrusted in (message, b"<3>" + message, b"<3>CTRL-EVENT-X" + message):
        if b"wpa_state=" not in message:
            assert heard(state, untrusted) is state
