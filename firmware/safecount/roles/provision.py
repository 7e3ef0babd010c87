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
from safecount.edges.wifi_file import WIFI_INTERFACE
from safecount.edges.wifi_link import WifiLink
from safecount.provisioning.enrolment_flow import TABLE, TOLD, Event, Owner, Refusal, State, judge, step
from safecount.roles.enrolment_attempts import EnrolmentAttempts
from safecount.roles.enrolment_teller import EnrolmentTeller
from safecount.roles.factory_reset import FactoryReset
from safecount.roles.reset_wishes import ResetWishes
from safecount.roles.setup_opening import SetupOpening
from safecount.roles.wifi_desk import WifiDesk
from safecount.settings import Settings, knows_zone, read_settings
from safecount.wire.code_text import MAX_SITE_CODE_CHARACTERS, MAX_WIFI_CHARACTERS, SITE_CODE_PREFIX, WIFI_PREFIX
from safecount.wire.enrolment import encode_label
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import FLEET_PREFIX, MAX_FLEET_CHARACTERS, parse_fleet

LOOK_EVERY_S = 0.25
RENEWAL_AFTER_S, RENEWAL_EVERY_S = 10.0, 3600.0
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
    """Remembers the state, and what its parts do."""

    def __init__(self, settings: Settings, identity: Identity, ears: _Ears) -> None:
        self._settings = settings
        self._identity = identity
        self._console = ears.console
        self._inbox = ears.inbox
        self._state = State.ENROLLED if settings.folders.site_file.exists() else State.BLANK
        self._teller = EnrolmentTeller(ears.console, settings.folders.enrolment_file, self._state)
        self._wifi = WifiDesk(settings.folders, identity.serial, ears.wifi, self._teller)
        self._attempts = EnrolmentAttempts(settings, identity, lambda: self._wifi.state)
        self._boot_file = Path(settings.provision.boot_file)
        self._boot_watch = WatchedFiles(self._boot_file)
        self._button = ears.button
        self._reset = FactoryReset(settings.folders)
        self._over = False
        self._wishes = ResetWishes(settings.folders, identity.device, self._teller.say)
        self._renewal_due_s = time.monotonic() + RENEWAL_AFTER_S  # while all starts, the processor is wanted elsewhere
        self._setup = SetupOpening(settings, identity, self._teller.say)

    def run(self, manager: ServiceManager, stop: StopRequest) -> None:
        """Until asked to stop, or the device has been reset and has other keys."""
        self._take_lines(_read(self._attempts.kept))  # a code that was taken before the power went
        while not (self._over or stop.wait(LOOK_EVERY_S)):
            manager.alive()
            presses = self._button.presses()
            if why := self._wishes.why(presses):
                self._forget(why)
                continue
            if self._boot_watch.changed():
                self._take_card()
            self._listen()
            if self._wifi.look():
                self._attempts.hurry()
            self._teller.look()
            self._setup.look(presses)
            if again := self._attempts.due(self._state):
                self._move(again)
            if self._state is State.ENROLLING:
                self._move(self._attempts.run())
            if self._state is State.ENROLLED and time.monotonic() >= self._renewal_due_s:
                self._renewal_due_s = time.monotonic() + RENEWAL_EVERY_S
                self._attempts.renew_if_due()

    def _listen(self) -> None:
        for said in self._console.heard() if self._console else ():
            if isinstance(said, bytes):
                self._wifi.answer_improv(said)
            else:
                self._hear(said.strip())
        for text in self._inbox.texts() if self._inbox else ():
            self._see(text)

    def _hear(self, line: str) -> None:
        if line.startswith(WIFI_PREFIX):
            self._wifi.join(line)
        elif line.startswith(SITE_CODE_PREFIX):
            self._take(line)
        elif line.startswith(FLEET_PREFIX):
            self._teller.say("A fleet's line is taken from the card alone.")
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
                self._teller.say(f"To make the device forget its owner, say: reset {self._identity.serial}")
            case "status":
                self._teller.say(f"{self._state.value}: {TOLD[self._state]}")
                self._wifi.tell()
            case "serial":
                self._teller.say(self._identity.serial)
            case "setup":
                self._setup.open_told()
            case "label" if self._state not in {State.ENROLLING, State.ENROLLED}:
                self._teller.say(encode_label(self._identity.label))
            case "label":
                self._teller.say("The label is told only before the device is enrolled.")
            case "help":
                for each in HELP:
                    self._teller.say(each)
            case _:
                self._teller.say("There is no such command; `help` tells which there are.")

    def _forget(self, why: str) -> None:
        """Forget the owner; this process then goes on with other keys."""
        try:
            self._reset.run(self._on_the_card())
        except OSError:
            self._teller.say(TOLD[State.DISK_FAILED])
            self._over = self._reset.is_begun  # then it goes on before anything else is done
            return
        self._move(Event.RESET)
        self._teller.say(f"The device is reset: {why}.")
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
                self._wifi.join(line.strip())
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
            self._teller.refuse(f"The fleet's line on the card: {refused}")
            return
        self._attempts.use_fleet(fleet)
        self._move(Event.FLEET_FOUND)

    def _take(self, untrusted: str) -> None:
        identity = self._identity
        code = judge(untrusted, self._state, Owner(identity.serial, identity.secret, self._attempts.now_s()))
        if isinstance(code, Refusal):
            self._teller.refuse(code.value)
            return
        if not knows_zone(code.zone):
            self._teller.refuse("The code's time zone is not known here: make a new code.")
            return
        try:
            self._attempts.use_code(code, untrusted)
        except OSError:
            self._teller.refuse(TOLD[State.DISK_FAILED])
            return
        self._move(Event.CODE_TAKEN)

    def _move(self, event: Event) -> None:
        self._state = step(self._state, event)
        self._teller.show(self._state)


def _read(path: Path) -> bytes:
    """What a file says, b"" if there is none that can be read."""
    try:
        return read_small(path, MAX_SITE_CODE_CHARACTERS + MAX_WIFI_CHARACTERS + MAX_FLEET_CHARACTERS + 6) or b""
    except OSError:
        return b""
