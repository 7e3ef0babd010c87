"""Improv packets, good ones, bad ones and any bytes; what clients of others make of it is in tests/journeys/test_improv.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.provisioning import improv
from safecount.provisioning.improv import ImprovError, ImprovState, Join, TellInfo, TellState, parse_command
from safecount.provisioning.wifi_state import Wifi
from safecount.roles.improv_desk import ImprovDesk
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.wifi_code import WifiCode


def packet(*data: int, kind: int = 3, more: bytes = b"") -> bytes:
    body = improv.HEAD + bytes([kind, len(data) + len(more), *data]) + more
    return body + bytes([sum(body) & 0xFF])


def join(name: bytes, password: bytes) -> bytes:
    inner = bytes([len(name)]) + name + bytes([len(password)]) + password
    return packet(1, len(inner), more=inner)


def test_commands_are_read() -> None:
    assert parse_command(join(b"MyWirelessAP", b"mysecurepassword")) == Join(
        WifiCode("MyWirelessAP", "mysecurepassword")
    )
    assert parse_command(join("café".encode(), b"")) == Join(WifiCode("café", ""))
    assert parse_command(packet(2, 0)) == TellState()
    assert parse_command(packet(3, 0)) == TellInfo()


@pytest.mark.parametrize(
    ("untrusted", "reason"),
    [
        (packet(4, 0), Reason.WRONG_TYPE),
        (packet(5, 3, 65, 66, 67), Reason.WRONG_TYPE),
        (packet(2, 0)[:-1] + b"\x00", Reason.MALFORMED),
        (packet(2, 0)[:-1], Reason.MALFORMED),
        (packet(2, 0) + b"\n", Reason.MALFORMED),
        (packet(2, 1), Reason.MALFORMED),
        (packet(2), Reason.MALFORMED),
        (packet(2, 0, kind=1), Reason.MALFORMED),
        (packet(1, 0), Reason.MALFORMED),
        (packet(1, 2, 5, 65), Reason.MALFORMED),
        (packet(1, 3, 1, 65, 9), Reason.MALFORMED),
        (packet(1, 4, 1, 65, 0, 0), Reason.MALFORMED),
        (join(b"", b"correct horse"), Reason.BAD_FIELD),
        (join(b"\xff", b"correct horse"), Reason.BAD_FIELD),
        (join(b"two\nlines", b"correct horse"), Reason.BAD_FIELD),
        (join(b"n" * 33, b""), Reason.BAD_FIELD),
        (join(b"street", b"short"), Reason.BAD_FIELD),
        (join(b"street", b'a"\n}\nnetwork={'), Reason.BAD_FIELD),
        (b"", Reason.MALFORMED),
        (b"IMPROV" + b"\x01" * 300, Reason.TOO_LARGE),
    ],
)
def test_what_is_no_command_is_refused_with_its_reason(untrusted: bytes, reason: Reason) -> None:
    with pytest.raises(UntrustedInput) as caught:
        parse_command(untrusted)
    assert caught.value.reason is reason


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_are_a_command(raw: bytes) -> None:
    for untrusted in (raw, improv.HEAD + raw, packet(*raw[:200]), packet(1, len(raw[:250]), more=raw[:250])):
        try:
            command = parse_command(untrusted)
        except UntrustedInput:
            continue
        assert isinstance(command, Join | TellState | TellInfo)


class Client:
    """What a client hears, and the desk that it speaks to."""

    def __init__(self, *, takes: bool = True, within_s: float = 60.0) -> None:
        self.heard: list[bytes] = []
        self.joined: list[WifiCode] = []
        self.takes = takes
        self.desk = ImprovDesk("sc-serial", self.heard.append, self.join, within_s)

    def join(self, network: WifiCode) -> bool:
        self.joined.append(network)
        return self.takes

    def says(self, untrusted: bytes, wifi: Wifi = Wifi.SEARCHING) -> list[bytes]:
        self.heard.clear()
        self.desk.answer(untrusted, wifi)
        return self.heard

    def waits(self, wifi: Wifi) -> list[bytes]:
        self.heard.clear()
        self.desk.look(wifi)
        return self.heard


READY, JOINING, JOINED = (improv.state_packet(state) for state in ImprovState)
UNABLE = improv.error_packet(ImprovError.UNABLE_TO_CONNECT)


def test_a_network_is_joined_or_not_and_the_client_hears_of_it_once() -> None:
    client = Client()
    assert client.says(join(b"street", b"correct horse")) == [improv.error_packet(None), JOINING]
    assert client.joined == [WifiCode("street", "correct horse")]
    assert client.waits(Wifi.SEARCHING) == []
    assert client.waits(Wifi.NOT_FOUND) == [], "it may come into reach yet"
    assert client.says(packet(2, 0)) == [JOINING]
    assert client.waits(Wifi.WRONG_PASSWORD) == [UNABLE, READY]
    assert client.waits(Wifi.WRONG_PASSWORD) == []
    client.says(join(b"street", b"the right one"))
    assert client.waits(Wifi.JOINED) == [JOINED, improv.result_packet(1)]
    assert client.says(packet(2, 0), Wifi.JOINED) == [JOINED, improv.result_packet(2)]


def test_a_network_that_does_not_answer_is_given_up() -> None:
    client = Client(within_s=0.0)
    client.says(join(b"street", b"correct horse"))
    assert client.waits(Wifi.SEARCHING) == [UNABLE, READY]
    assert client.says(packet(2, 0)) == [READY]


def test_what_cannot_be_done_is_an_error_and_joins_nothing() -> None:
    client = Client()
    assert client.says(packet(4, 0)) == [improv.error_packet(ImprovError.UNKNOWN_COMMAND)]
    assert client.says(join(b"street", b"short")) == [improv.error_packet(ImprovError.INVALID_PACKET)]
    assert client.joined == []
    assert Client(takes=False).says(join(b"street", b"")) == [UNABLE]
