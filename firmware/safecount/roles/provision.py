"""The provision process: takes a site code from the card or the serial port, enrols, and renews the certificate.

It has the identity key and the network; no camera and no spool. Only a code that was made with this device's label is
taken, and only while the device belongs to nobody.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from safecount.edges.button import Button
from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.durable_file import remove_file, replace_file
from safecount.edges.identity import Identity, load_identity
from safecount.edges.serial_console import SerialConsole
from safecount.edges.small_file import WatchedFiles, read_small
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.edges.wifi_file import put_wifi
from safecount.errors import SafecountError
from safecount.provisioning.enrolment_flow import TABLE, TOLD, Event, Owner, Refusal, State, judge, step
from safecount.roles.enrolling import Enrolling, knows_zone
from safecount.roles.enrolment_lamp import leave_state
from safecount.roles.setup_opening import SetupOpening
from safecount.settings import Settings, read_settings
from safecount.wire.enrolment import encode_label
from safecount.wire.errors import UntrustedInput
from safecount.wire.site_code import MAX_SITE_CODE_CHARACTERS, SITE_CODE_PREFIX, SiteCode
from safecount.wire.values import ClockQuality
from safecount.wire.wifi_code import MAX_WIFI_CHARACTERS, WIFI_PREFIX, parse_wifi

CODE_FILE = "site.code"
LOOK_EVERY_S = 0.25
RENEWAL_EVERY_S = 3600.0
HELP = (
    "status   what the device does, and what to do next",
    "serial   the device's serial number",
    "label    the text for its label, as long as it belongs to nobody: whoever has it owns the device",
    "setup    open the set-up page on the USB cable for a while, and tell its address and code",
    "SC1:...  a site code, as `safecount-ops site-qr` makes it",
    "WIFI:... a Wi-Fi network to join, as its QR code has it: WIFI:T:WPA;S:name;P:password;;",
    "help     this",
)


def run(settings_file: Path) -> None:
    """Enrol, and stay enrolled, until asked to stop.

    Raises:
        SafecountError: the settings, the keys or the serial port cannot be used.
    """
    settings = read_settings(settings_file)
    folders = settings.folders
    identity = load_identity(folders.provision, folders.seal, folders.uplink)
    manager = ServiceManager.of_environment()
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        port = settings.provision.serial_port
        # A board without the port is enrolled by the file.
        console = stack.enter_context(SerialConsole(Path(port))) if port and Path(port).exists() else None
        button = stack.enter_context(Button(settings.provision.button))
        manager.ready()
        _ProvisionProcess(settings, identity, console, button).run(manager, stop)
        manager.stopping()


@dataclass(slots=True)
class _Attempts:
    """The code that is being enrolled with, and when it is tried next (monotonic)."""

    code: SiteCode | None = None
    due_s: float = 0.0


class _ProvisionProcess:
    """Remembers the state and the one code that it was given."""

    def __init__(self, settings: Settings, identity: Identity, console: SerialConsole | None, button: Button) -> None:
        self._settings = settings
        self._identity = identity
        self._console = console
        self._enrolling = Enrolling(settings.folders, identity)
        self._clock = SystemClock(file_date_s(Path(settings.clock.floor_file)), Path(settings.clock.synchronized_file))
        self._state = State.ENROLLED if settings.folders.site_file.exists() else State.BLANK
        self._attempts = _Attempts()
        self._boot_file = Path(settings.provision.boot_file)
        self._boot_watch = WatchedFiles(self._boot_file)
        self._kept = settings.folders.provision / CODE_FILE
        self._renewal_due_s = 0.0
        self._setup = SetupOpening(settings, identity, button, self._say)

    def run(self, manager: ServiceManager, stop: StopRequest) -> None:
        self._take_file(self._kept)  # a code that was taken before the power went
        while not stop.wait(LOOK_EVERY_S):
            manager.alive()
            if self._boot_watch.changed():
                self._take_file(self._boot_file)
            for line in self._console.lines() if self._console else ():
                self._hear(line.strip())
            self._setup.look()
            if (self._state, Event.RETRY_DUE) in TABLE and time.monotonic() >= self._attempts.due_s:
                self._move(Event.RETRY_DUE)
            if self._state is State.ENROLLING:
                self._attempt()
            if self._state is State.ENROLLED and time.monotonic() >= self._renewal_due_s:
                self._renewal_due_s = time.monotonic() + RENEWAL_EVERY_S
                self._enrolling.renew_if_due(int(self._clock.now().utc_s))

    def _hear(self, line: str) -> None:
        if line.startswith(WIFI_PREFIX):
            self._join(line)
        elif line.startswith(SITE_CODE_PREFIX):
            self._take(line)
        elif line:
            self._obey(line.partition(" ")[0])

    def _obey(self, word: str) -> None:
        match word:
            case "status":
                self._say(f"{self._state.value}: {TOLD[self._state]}")
            case "serial":
                self._say(self._identity.serial)
            case "setup":
                self._setup.open_told()
            case "label" if self._state is State.BLANK:
                self._say(encode_label(self._identity.label))
            case "label":
                self._say("The label is told only before the device is enrolled.")
            case "help":
                for each in HELP:
                    self._say(each)
            case _:
                self._say("There is no such command; `help` tells which there are.")

    def _take_file(self, path: Path) -> None:
        try:
            raw = read_small(path, MAX_SITE_CODE_CHARACTERS + MAX_WIFI_CHARACTERS + 4)
        except OSError:
            return
        for line in (raw or b"").decode("utf-8", "replace").splitlines():
            if line.startswith(WIFI_PREFIX):
                self._join(line.strip())
            elif line.strip() and self._state is not State.ENROLLED:
                self._take(line)

    def _join(self, untrusted: str) -> None:
        """Another Wi-Fi network; the device's own service joins it when the file has changed."""
        try:
            put_wifi(self._settings.folders.wifi, parse_wifi(untrusted))
        except UntrustedInput as refused:
            self._say(f"refused: {refused}")
        except OSError:
            self._say(f"refused: {TOLD[State.DISK_FAILED]}")
        else:
            self._say("The Wi-Fi network is kept, and joined when it is in reach.")

    def _take(self, untrusted: str) -> None:
        now = self._clock.now()
        now_s = None if now.clock is ClockQuality.UNSET else int(now.utc_s)
        identity = self._identity
        code = judge(untrusted, self._state, Owner(identity.serial, identity.secret, now_s))
        if isinstance(code, Refusal):
            self._say(f"refused: {code.value}")
            return
        if not knows_zone(code):
            self._say("refused: The code's time zone is not known here: make a new code.")
            return
        try:
            replace_file(self._kept, untrusted.strip().encode("ascii"), 0o600)
        except OSError:
            self._say(f"refused: {TOLD[State.DISK_FAILED]}")
            return
        self._attempts.code = code
        self._move(Event.CODE_TAKEN)

    def _attempt(self) -> None:
        code = self._attempts.code
        if code is None:
            raise SafecountError("An enrolment was begun without a code.")
        outcome = self._enrolling.attempt(code)
        self._attempts.due_s = time.monotonic() + self._settings.provision.retry_s
        if outcome in {Event.DONE, Event.TOKEN_REFUSED, Event.TOKEN_TAKEN}:
            remove_file(self._kept)
        self._move(outcome)

    def _move(self, event: Event) -> None:
        self._state = step(self._state, event)
        leave_state(self._settings.folders.enrolment_file, self._state)
        self._say(f"{self._state.value}: {TOLD[self._state]}")

    def _say(self, sentence: str) -> None:
        if self._console:
            self._console.say(sentence)
