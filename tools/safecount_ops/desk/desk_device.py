"""A device in a temporary folder, with a clip in the camera's place and its set-up page on a loopback port.

Its own processes run as they are started on a door: counting, sealing, provisioning and the page. The session is opened
as an installer opens it, by `setup` on the serial console, which is a pseudo-terminal.
"""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.counting.values import LineSettings
from safecount.edges.identity import load_identity
from safecount.edges.seal_keys import KEYSET_FILE, ROOT_FILE
from safecount.edges.site_files import site_text
from safecount.errors import SafecountError
from safecount.roles.code_lines import code_lines
from safecount.wire.keyset import sign_keyset
from safecount_ops.assets import find_asset
from safecount_ops.controller.keys import new_reader_key
from safecount_ops.controller.keysets import first
from safecount_ops.desk.models import load_model

ANSWER_S = 20.0
STOP_S = 10.0
STATE_FOLDERS = ("seal", "spool", "uplink", "site", "update", "provision")
RUN_FOLDERS = ("seal", "session", "scene", "setup", "certificate", "vitals")
_SERIAL = re.compile(r"sc-[a-z2-7]{16}\r\n")
_SAID = re.compile(r"Set-up page: (http://\S+/) code (\S+) for \d+ minutes\.")


@dataclass(frozen=True, slots=True)
class DeskSession:
    """What the serial console said, the page's address and code in it, and the page's process."""

    said: str
    address: str
    code: str
    page: subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class DeskDevice:
    """`port` is that of the page; `fps` how many of the clip's frames are counted a second."""

    folder: Path
    port: int
    fps: float = 10.0

    @property
    def settings_file(self) -> Path:
        return self.folder / "safecount.toml"

    @property
    def site_file(self) -> Path:
        return self.folder / "state" / "site" / "site.toml"

    def lay_out(self, clip: Path | str, model: str | None, lines: Sequence[LineSettings]) -> None:
        """Make its folders, its keys and its site, as enrolment leaves them."""
        state, run, models = (self.folder / name for name in ("state", "run", "models"))
        for folder in (*(state / name for name in STATE_FOLDERS), *(run / name for name in RUN_FOLDERS), models):
            folder.mkdir(parents=True)
        chosen = load_model(model)
        (models / chosen.card.file).symlink_to(find_asset(chosen.card.name))
        self._enrol(state, lines)
        self.settings_file.write_text(
            f'[folders]\nstate = "{state}"\nrun = "{run}"\n'
            f'[clock]\nsynchronized_file = "{self.folder}"\n'
            f'[setup]\ninterface = ""\naddress = "127.0.0.1"\nport = {self.port}\n'
            f'[clip]\nfile = "{clip}"\n[camera]\nframes_per_second = {self.fps}\n'
            f'[model]\ncard = "{chosen.card.name}"\nfolder = "{models}"\n'
            '[[line]]\nname = "default"\ndoor = "default"\nstart = [0.5, 0.0]\nend = [0.5, 1.0]\nin_side = "right"\n',
            encoding="utf-8",
        )

    def _enrol(self, state: Path, lines: Sequence[LineSettings]) -> None:
        identity = load_identity(state / "provision", state / "seal", state / "uplink")
        root = Ed25519PrivateKey.generate()
        collector = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        keyset = first(new_reader_key().public_key, None, collector, int(time.time()))
        (state / "seal" / ROOT_FILE).write_bytes(root.public_key().public_bytes_raw())
        (state / "seal" / KEYSET_FILE).write_bytes(sign_keyset(keyset, root))
        facts = {"device": identity.device, "site": "desk", "zone": "UTC", "collector": "https://collector.invalid"}
        self.site_file.write_text(site_text(facts, code_lines(lines)), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator[DeskSession]:
        """Start its processes and open a session; all end with the block."""
        ours, console = os.openpty()
        with ExitStack() as stack:
            stack.callback(os.close, ours)
            stack.callback(os.close, console)
            with self.settings_file.open("a", encoding="utf-8") as file:
                file.write(f'[provision]\nboot_file = "{self.folder}/none"\nserial_port = "{os.ttyname(console)}"\n')
            for role in ("provision", "seal", "vision"):
                stack.enter_context(self._process(role))
            said = _open_session(ours)
            page = stack.enter_context(self._process("setup"))
            self._wait_for_page(page)
            yield DeskSession(said[0], said[1], said[2], page)

    def _wait_for_page(self, page: subprocess.Popen[bytes]) -> None:
        until_s = time.monotonic() + ANSWER_S
        while page.poll() is None and time.monotonic() < until_s:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.1)
        raise SafecountError("The set-up page does not open; what its process says stands above.")

    @contextmanager
    def _process(self, role: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([sys.executable, "-m", "safecount", role, "--settings", str(self.settings_file)])
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _open_session(console: int) -> re.Match[str]:
    """Wait until the device listens, then say `setup` once: each time opens another session."""
    if _asked(console, b"serial\n", _SERIAL, every_s=1.0) and (said := _asked(console, b"setup\n", _SAID, ANSWER_S)):
        return said
    raise SafecountError("The device's serial console does not answer; what its processes say stands above.")


def _asked(console: int, command: bytes, answer: re.Pattern[str], every_s: float) -> re.Match[str] | None:
    heard = ""
    until_s = time.monotonic() + ANSWER_S
    while time.monotonic() < until_s:
        os.write(console, command)
        again_s = time.monotonic() + every_s
        while (left_s := again_s - time.monotonic()) > 0 and select.select([console], [], [], left_s)[0]:
            heard += os.read(console, 4096).decode("ascii", "replace")
            if found := answer.search(heard):
                return found
    return None
