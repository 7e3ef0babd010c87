"""Tells whoever stands at the device how its enrolment goes: a line on the serial port, and a state for the lamp."""

import time
from pathlib import Path

from safecount.edges.serial_console import SerialConsole
from safecount.provisioning.enrolment_flow import TOLD, State
from safecount.roles.enrolment_lamp import REFUSED_SHOWN_S, leave_refusal, leave_state


class EnrolmentTeller:
    """Remembers until when the lamp tells of a refusal, and the state that it shows then."""

    def __init__(self, console: SerialConsole | None, lamp_file: Path, state: State) -> None:
        """`lamp_file` is what the lamp's process reads; `console` is None for a device without a serial port."""
        self._console = console
        self._lamp_file = lamp_file
        self._state = state
        self._refusal_until_s: float | None = None
        leave_state(lamp_file, state)

    def say(self, sentence: str) -> None:
        if self._console:
            self._console.say(sentence)

    def send(self, packet: bytes) -> None:
        if self._console:
            self._console.send(packet)

    def refuse(self, sentence: str) -> None:
        """What was given at the device changes nothing, and why."""
        self.say(f"refused: {sentence}")
        leave_refusal(self._lamp_file)
        self._refusal_until_s = time.monotonic() + REFUSED_SHOWN_S

    def show(self, state: State) -> None:
        """The state from now on."""
        self._state = state
        self._refusal_until_s = None
        leave_state(self._lamp_file, state)
        self.say(f"{state.value}: {TOLD[state]}")

    def look(self) -> None:
        """Let the lamp go back to the state once a refusal has been shown for long enough."""
        if self._refusal_until_s is not None and time.monotonic() >= self._refusal_until_s:
            self._refusal_until_s = None
            leave_state(self._lamp_file, self._state)
