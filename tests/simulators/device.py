"""A device's folders as provisioning leaves them, and its processes as the service manager starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safecount.edges.https import HttpsSettings
from safecount.wire.keyset import Keyset, Role, sign_keyset
from simulators.keys import keyset, reader, signing_key
from simulators.tls import Authority

DEVICE = "counter-7"
CONTROLLER = reader("controller")
KEYSET = keyset(CONTROLLER.recipient(Role.CONTROLLER))
LINE = """
[[line]]
name = "{door}"
door = "{door}"
start = [0.5, 0.0]
end = [0.5, 1.0]
in_side = "right"
"""


@dataclass(frozen=True)
class DeviceFolder:
    """A device in a temporary folder. Give its settings file to any role."""

    folder: Path

    @property
    def settings_file(self) -> Path:
        return self.folder / "safecount.toml"

    @property
    def spool_file(self) -> Path:
        return self.folder / "state" / "spool" / "spool.db"

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "seal" / "record.sock"

    def part(self, name: str) -> Path:
        return self.folder / "state" / name

    def configure(self, more: str = "") -> None:
        """Lay out an empty device, as its image does at the first boot. `more` is TOML."""
        for name in ("seal", "spool", "uplink", "site", "update", "provision", "wifi"):
            self.part(name).mkdir(parents=True, exist_ok=True)
        for name in ("seal", "code"):
            (self.folder / "run" / name).mkdir(parents=True, exist_ok=True)
        folders = f'[folders]\nstate = "{self.folder / "state"}"\nrun = "{self.folder / "run"}"\n'
        synchronized = f'[clock]\nsynchronized_file = "{self.folder}"\n'
        self.settings_file.write_text(folders + synchronized + more + LINE.format(door="default"))

    def enrol(self, url: str, authority: Authority, doors: tuple[str, ...] = ("north",)) -> None:
        """What provisioning leaves behind once the device belongs to somebody."""
        identity = authority.issue(DEVICE)
        self.enrol_at(HttpsSettings(url, authority.file, identity.certificate_file, identity.key_file), doors)

    def enrol_at(self, collector: HttpsSettings, doors: tuple[str, ...] = ("north",), newest: Keyset = KEYSET) -> None:
        """The same, with an identity that a collector has given it."""
        for source, name in (
            (collector.ca_file, "ca.pem"),
            (collector.certificate_file, "tls.cert.pem"),
            (collector.key_file, "tls.key.pem"),
        ):
            (self.part("uplink") / name).write_bytes(source.read_bytes())
        key = signing_key("device").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.part("seal") / "signing.pem").write_bytes(key)
        (self.part("seal") / "root.pub").write_bytes(signing_key("root").public_key().public_bytes_raw())
        self.give_keyset(newest)
        site = f'device = "{DEVICE}"\nsite = "station"\nzone = "Europe/Berlin"\ncollector = "{collector.url}"\n'
        self.give_site(site + "".join(LINE.format(door=door) for door in doors))

    def give_keyset(self, newer: Keyset) -> None:
        _put(self.part("seal") / "keyset.cbor", sign_keyset(newer, signing_key("root")))

    def give_site(self, text: str) -> None:
        _put(self.part("site") / "site.toml", text.encode())

    @contextmanager
    def running(self, role: str, log: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The role as a process; stopped in an orderly way at the end, if it has not been killed before."""
        process = self.start(role, log)
        try:
            yield process
        finally:
            stop(process)

    def start(self, role: str, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "safecount", role, "--settings", str(self.settings_file)]
        return subprocess.Popen(command, stderr=log, env={**os.environ, "PYTHONFAULTHANDLER": "1"})


def stop(process: subprocess.Popen[bytes], within_s: float = 5.0) -> int:
    """Ask the process to stop, and wait; AssertionError if it takes too long. Its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args!r} did not stop within {within_s} s") from error


def wait_until(holds: Callable[[], object], what: str, within_s: float = 20.0) -> None:
    """Wait for something that other processes bring about."""
    until_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until_s, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def _put(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.rename(path)
