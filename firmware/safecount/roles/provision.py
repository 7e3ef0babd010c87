"""The provision process: takes a site code from the card, the serial port or the camera, enrols, and renews the certificate.

It has the identity key and the network; no camera and no spool. Only a code that was made with this device's label is
taken, and only while the device belongs to nobody.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from safecount.edges.button import Button
from safecount.edges.code_socket import CodeInbox
from safecount.edges.identity import Identity, load_identity
from safecount.edges.serial_console import SerialConsole
from safecount.edges.small_file import WatchedFiles, read_small
from safecount.edges.systemd import ServiceManager, StopRequest
from safecount.edges.wifi_file import WIFI_INTERFACE, put_wifi
from safecount.edges.wifi_link import WifiLink
from safecount.provisioning.enrolment_flow import TABLE, TOLD, Event, Owner, Refusal, State, judge, step
from safecount.roles.enrolling import knows_zone
from safecount.roles.enrolment_attempts import EnrolmentAttempts
from safecount.roles.enrolment_lamp import REFUSED_SHOWN_S, leave_refusal, leave_state
from safecount.roles.factory_reset import FactoryReset
from safecount.roles.reset_wishes import ResetWishes
from safecount.roles.setup_opening import SetupOpening
from safecount.settings import Settings, read_settings
from safecount.wire.enrolment import encode_label
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import FLEET_PREFIX, MAX_FLEET_CHARACTERS, parse_fleet
from safecount.wire.site_code import MAX_SITE_CODE_CHARACTERS, SITE_CODE_PREFIX
from safecount.wire.wifi_code import MAX_WIFI_CHARACTERS, WIFI_PREFIX, parse_wifi

LOOK_EVERY_S = 0.25
RENEWAL_EVERY_S = 3600.0
HELP = (
    "status   what the device does, and what to do next",
    "serial   the device's serial number",
    "label    the text for its label, as long as it belongs to nobody: whoever has it owns the device",
    "reset SERIAL  forget the owner: site, keys, counts that were not sent, Wi-Fi (the button, held for 10 s, does the same)",
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
    manager = ServiceManager.of_environment()
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        port = settings.provision.serial_port
        # A board without the port is enrolled by the file.
        console = stack.enter_context(SerialConsole(Path(port))) if port and Path(port).exists() else None
        button = stack.enter_context(Button(settings.provision.button))
        socket = folders.code_socket
        wifi = stack.enter_context(WifiLink(folders.wifi_control / WIFI_INTERFACE))
        inbox = stack.enter_context(CodeInbox(socket)) if socket.parent.is_dir() else None
        manager.ready()
        ears = _Ears(console, button, inbox, wifi)
        while not stop:
            _end_reset(FactoryReset(folders), manager, stop)
            identity = load_identity(folders.provision, folders.seal, folders.uplink)
            _ProvisionProcess(settings, identity, ears).run(manager, stop)
        manager.stopping()


def _end_reset(reset: FactoryReset, manager: ServiceManager, stop: StopRequest) -> None:
    """Go on with a reset that a cut or the disk has interrupted."""
    while reset.is_begun and not stop:
        try:
            reset.resume()
        except OSError:
            manager.alive()
            stop.wait(LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class _Ears:
    """Whatever somebody at the device can say something by, and what tells of its Wi-Fi."""

    console: SerialConsole | None
    button: Button
    inbox: CodeInbox | None
    wifi: WifiLink


class _ProvisionProcess:
    """Remembers the state, the one code that it was given, and until when the lamp tells of one that was refused."""

    def __init__(self, settings: Settings, identity: Identity, ears: _Ears) -> None:
        self._settings = settings
        self._identity = identity
        self._console = ears.console
        self._inbox = ears.inbox
        self._wifi = ears.wifi
        self._state = State.ENROLLED if settings.folders.site_file.exists() else State.BLANK
        self._attempts = EnrolmentAttempts(settings, identity, lambda: ears.wifi.state)
        self._boot_file = Path(settings.provision.boot_file)
        self._boot_watch = WatchedFiles(self._boot_file)
        self._button = ears.button
        self._reset = FactoryReset(settings.folders)
        self._over = False
        self._wishes = ResetWishes(settings.folders, identity.device, self._say)
        self._renewal_due_s = 0.0
        self._refusal_until_s: float | None = None
        self._setup = SetupOpening(settings, identity, self._say)

    def run(self, manager: ServiceManager, stop: StopRequest) -> None:
        """Until asked to stop, or the device has been reset and has other keys."""
        leave_state(self._settings.folders.enrolment_file, self._state)
        self._take_lines(_read(self._attempts.kept))  # a code that was taken before the power went
        while not (self._over or stop.wait(LOOK_EVERY_S)):
            manager.alive()
            presses = self._button.presses()
            if why := self._wishes.why(presses):
                self._forget(why)
                continue
            if self._boot_watch.changed():
                self._take_card()
            for line in self._console.lines() if self._console else ():
                self._hear(line.strip())
            for text in self._inbox.texts() if self._inbox else ():
                self._see(text)
            if self._wifi.look():
                self._say(f"wifi: {self._wifi.state.value}")
            self._end_refusal()
            self._setup.look(presses)
            if again := self._attempts.due(self._state):
                self._move(again)
            if self._state is State.ENROLLING:
                self._move(self._attempts.run())
            if self._state is State.ENROLLED and time.monotonic() >= self._renewal_due_s:
                self._renewal_due_s = time.monotonic() + RENEWAL_EVERY_S
                self._attempts.renew_if_due()

    def _hear(self, line: str) -> None:
        if line.startswith(WIFI_PREFIX):
            self._join(line)
        elif line.startswith(SITE_CODE_PREFIX):
            self._take(line)
        elif line.startswith(FLEET_PREFIX):
            self._say("A fleet's line is taken from the card alone.")
        elif line:
            word, _, rest = line.partition(" ")
            self._obey(word, rest.strip())

    def _see(self, text: str) -> None:
        """A code before the camera: whoever walks past a device that has an owner cannot give it another network."""
        if self._state is not State.ENROLLED:
            self._hear(text)

    def _obey(self, word: str, rest: str) -> None:
        match word:
            case "reset" if rest == self._identity.serial:
                self._forget("it was told so here")
            case "reset":
                self._say(f"To make the device forget its owner, say: reset {self._identity.serial}")
            case "status":
                self._say(f"{self._state.value}: {TOLD[self._state]}")
                self._say(f"wifi: {self._wifi.state.value}")
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

    def _forget(self, why: str) -> None:
        """Forget the owner; this process then goes on with other keys."""
        try:
            self._reset.run(self._on_the_card())
        except OSError:
            self._say(TOLD[State.DISK_FAILED])
            self._over = self._reset.is_begun  # then it goes on before anything else is done
            return
        self._move(Event.RESET)
        self._say(f"The device is reset: {why}.")
        self._over = True

    def _on_the_card(self) -> bytes:
        return _read(self._boot_file)

    def _take_card(self) -> None:
        """Take what lies on the card's first partition, unless it was there for an owner that the device has forgotten."""
        raw = self._on_the_card()
        if not self._reset.is_spent(raw):
            self._take_lines(raw)

    def _take_lines(self, untrusted: bytes) -> None:
        lines = untrusted.decode("utf-8", "replace").splitlines()
        for line in sorted(lines, key=lambda line: line.startswith(FLEET_PREFIX)):  # this device's own code comes first
            if line.startswith(WIFI_PREFIX):
                self._join(line.strip())
            elif line.startswith(FLEET_PREFIX):
                self._belong(line)
            elif line.strip() and self._state is not State.ENROLLED:
                self._take(line)

    def _belong(self, untrusted: str) -> None:
        """Ask the collector of this fleet for a code, unless one that was given here is being enrolled with."""
        if (self._state, Event.FLEET_FOUND) not in TABLE or self._attempts.has_given_code:
            return
        try:
            fleet = parse_fleet(untrusted)
        except UntrustedInput as refused:
            self._refuse(f"The fleet's line on the card: {refused}")
            return
        self._attempts.use_fleet(fleet)
        self._move(Event.FLEET_FOUND)

    def _join(self, untrusted: str) -> None:
        """Another Wi-Fi network; the device's own service joins it when the file has changed."""
        try:
            put_wifi(self._settings.folders.wifi, parse_wifi(untrusted), self._settings.folders.wifi_control)
        except UntrustedInput as refused:
            self._refuse(str(refused))
        except OSError:
            self._refuse(TOLD[State.DISK_FAILED])
        else:
            self._wifi.forget()
            self._say("The Wi-Fi network is kept, and joined when it is in reach.")

    def _take(self, untrusted: str) -> None:
        identity = self._identity
        code = judge(untrusted, self._state, Owner(identity.serial, identity.secret, self._attempts.now_s()))
        if isinstance(code, Refusal):
            self._refuse(code.value)
            return
        if not knows_zone(code):
            self._refuse("The code's time zone is not known here: make a new code.")
            return
        try:
            self._attempts.use_code(code, untrusted)
        except OSError:
            self._refuse(TOLD[State.DISK_FAILED])
            return
        self._move(Event.CODE_TAKEN)

    def _refuse(self, sentence: str) -> None:
        self._say(f"refused: {sentence}")
        leave_refusal(self._settings.folders.enrolment_file)
        self._refusal_until_s = time.monotonic() + REFUSED_SHOWN_S

    def _end_refusal(self) -> None:
        if self._refusal_until_s is not None and time.monotonic() >= self._refusal_until_s:
            self._refusal_until_s = None
            leave_state(self._settings.folders.enrolment_file, self._state)

    def _move(self, event: Event) -> None:
        self._state = step(self._state, event)
        self._refusal_until_s = None
        leave_state(self._settings.folders.enrolment_file, self._state)
        self._say(f"{self._state.value}: {TOLD[self._state]}")

    def _say(self, sentence: str) -> None:
        if self._console:
            self._console.say(sentence)


def _read(path: Path) -> bytes:
    """What a file says, b"" if there is none that can be read."""
    try:
        return read_small(path, MAX_SITE_CODE_CHARACTERS + MAX_WIFI_CHARACTERS + MAX_FLEET_CHARACTERS + 6) or b""
    except OSError:
        return b""
