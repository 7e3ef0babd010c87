"""Improv Wi-Fi over a serial port (improv-wifi.com/serial, version 1): a page or an app names the network. Pure.

A packet is IMPROV, version, type, length, data, and a checksum: the low byte of the sum of all bytes before it. Data of a
command are its number, its length, and its own data; texts in it have a length byte in front.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.wifi_code import WifiCode, checked_network

HEAD = b"IMPROV\x01"
LENGTH_AT = len(HEAD) + 1
"""Where the length of the data stands."""
MAX_PACKET_BYTES = LENGTH_AT + 1 + 255 + 1
_RPC, _STATE, _ERROR, _RESULT = 3, 1, 2, 4


class ImprovState(IntEnum):
    """Where joining the Wi-Fi stands."""

    READY = 2
    JOINING = 3
    JOINED = 4


class ImprovError(IntEnum):
    """Why a command came to nothing."""

    INVALID_PACKET = 1
    UNKNOWN_COMMAND = 2
    UNABLE_TO_CONNECT = 3


@dataclass(frozen=True, slots=True)
class Join:
    """The command to join a network."""

    network: WifiCode


@dataclass(frozen=True, slots=True)
class TellState:
    """The command to tell the state."""


@dataclass(frozen=True, slots=True)
class TellInfo:
    """The command to tell what the device is."""


Command: TypeAlias = Join | TellState | TellInfo
JOIN, TELL_STATE, TELL_INFO = 1, 2, 3


def packet_bytes(begun: bytes) -> int | None:
    """How long the packet is that begins so; None as long as its length has not come."""
    return LENGTH_AT + 1 + begun[LENGTH_AT] + 1 if len(begun) > LENGTH_AT else None


def parse_command(untrusted: bytes) -> Command:
    """The command in a packet.

    Raises:
        UntrustedInput: TOO_LARGE, MALFORMED, WRONG_TYPE for a command that is none here, or BAD_FIELD for a network that
            cannot be joined.
    """
    if len(untrusted) > MAX_PACKET_BYTES:
        raise UntrustedInput(Reason.TOO_LARGE, "The packet is longer than an Improv packet.")
    body, checksum = untrusted[:-1], untrusted[-1:]
    if not body.startswith(HEAD) or packet_bytes(body) != len(untrusted) or checksum[0] != sum(body) & 0xFF:
        raise UntrustedInput(Reason.MALFORMED, "The packet is no whole Improv packet.")
    kind, data = body[len(HEAD)], body[LENGTH_AT + 1 :]
    if kind != _RPC or len(data) < 2 or data[1] != len(data) - 2:
        raise UntrustedInput(Reason.MALFORMED, "The Improv packet holds no command.")
    match data[0], data[2:]:
        case (1, arguments):
            return Join(_network(arguments))
        case (2, b""):
            return TellState()
        case (3, b""):
            return TellInfo()
    raise UntrustedInput(Reason.WRONG_TYPE, "This Improv command is not known here.")


def _network(untrusted: bytes) -> WifiCode:
    name, rest = _text(untrusted)
    password, rest = _text(rest)
    if rest:
        raise UntrustedInput(Reason.MALFORMED, "The Improv command goes on behind the password.")
    return checked_network(name, password)


def _text(untrusted: bytes) -> tuple[str, bytes]:
    """The text with its length in front, and what follows it."""
    end = 1 + untrusted[0] if untrusted else 0
    if not 1 <= end <= len(untrusted):
        raise UntrustedInput(Reason.MALFORMED, "A text in the Improv command is cut off.")
    try:
        return untrusted[1:end].decode("utf-8"), untrusted[end:]
    except UnicodeDecodeError as error:
        raise UntrustedInput(Reason.BAD_FIELD, "A text in the Improv command is not UTF-8.") from error


def state_packet(state: ImprovState) -> bytes:
    """Tells the state."""
    return _packet(_STATE, bytes([state]))


def error_packet(error: ImprovError | None) -> bytes:
    """Tells why the last command came to nothing, or that it did not."""
    return _packet(_ERROR, bytes([error or 0]))


def result_packet(command: int, texts: Sequence[str] = ()) -> bytes:
    """The answer to a command; texts of together less than 250 bytes."""
    raw = b"".join(bytes([len(text.encode())]) + text.encode() for text in texts)
    return _packet(_RESULT, bytes([command, len(raw)]) + raw)


def _packet(kind: int, data: bytes) -> bytes:
    body = HEAD + bytes([kind, len(data)]) + data
    return body + bytes([sum(body) & 0xFF])
