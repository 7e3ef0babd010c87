"""Answers Improv packets on the serial port: whoever holds the cable names the Wi-Fi with a page or an app."""

import os
import time
from collections.abc import Callable

from safecount import __version__
from safecount.provisioning.improv import (
    JOIN,
    TELL_INFO,
    TELL_STATE,
    ImprovError,
    ImprovState,
    Join,
    TellInfo,
    TellState,
    error_packet,
    parse_command,
    result_packet,
    state_packet,
)
from safecount.provisioning.wifi_state import Wifi
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.wifi_code import WifiCode

JOIN_WITHIN_S = 25.0
"""Clients wait for half a minute."""


class ImprovDesk:
    """Remembers until when a network that was named is waited for."""

    def __init__(
        self,
        serial: str,
        write: Callable[[bytes], None],
        join: Callable[[WifiCode], bool],
        within_s: float = JOIN_WITHIN_S,
    ) -> None:
        """`write` sends a packet; `join` keeps a network to be joined, and tells whether the disk took it."""
        self._serial = serial
        self._write = write
        self._join = join
        self._within_s = within_s
        self._joining_until_s: float | None = None

    def answer(self, untrusted: bytes, wifi: Wifi) -> None:
        """Do what a packet says. `wifi` is how joining goes."""
        try:
            command = parse_command(untrusted)
        except UntrustedInput as refused:
            unknown = refused.reason is Reason.WRONG_TYPE
            self._fail(ImprovError.UNKNOWN_COMMAND if unknown else ImprovError.INVALID_PACKET)
            return
        match command:
            case Join(network):
                self._begin(network)
            case TellState():
                self._write(state_packet(self._state(wifi)))
                if self._state(wifi) is ImprovState.JOINED:
                    self._write(result_packet(TELL_STATE))
            case TellInfo():
                texts = ["safecount", __version__, os.uname().machine, self._serial]
                self._write(result_packet(TELL_INFO, texts))

    def look(self, wifi: Wifi) -> None:
        """Tell how a network that was named is being joined, once that is known."""
        if self._joining_until_s is None:
            return
        if wifi is Wifi.JOINED:
            self._joining_until_s = None
            self._write(state_packet(ImprovState.JOINED))
            self._write(result_packet(JOIN))
        elif wifi is Wifi.WRONG_PASSWORD or time.monotonic() >= self._joining_until_s:
            self._joining_until_s = None
            self._fail(ImprovError.UNABLE_TO_CONNECT)
            self._write(state_packet(ImprovState.READY))

    def _begin(self, network: WifiCode) -> None:
        if not self._join(network):
            self._fail(ImprovError.UNABLE_TO_CONNECT)
            return
        self._joining_until_s = time.monotonic() + self._within_s
        self._write(error_packet(None))
        self._write(state_packet(ImprovState.JOINING))

    def _state(self, wifi: Wifi) -> ImprovState:
        if self._joining_until_s is not None:
            return ImprovState.JOINING
        return ImprovState.JOINED if wifi is Wifi.JOINED else ImprovState.READY

    def _fail(self, error: ImprovError) -> None:
        self._write(error_packet(error))
