"""The real collector, as a process of its own on loopback, for everybody's tests."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.edges.https import HttpsSettings
from safecount_ops.__main__ import main
from safecount_ops.collector.intake import read_receipt_key
from simulators.keys import signing_key

_OPS = (sys.executable, "-m", "safecount_ops", "collector")


def collector_command(*arguments: str | Path) -> str:
    """What a command of `safecount-ops collector` prints. In this process: to start another takes longer than the command."""
    told = io.StringIO()
    with redirect_stdout(told):
        code = main(["collector", *map(str, arguments)])
    assert code == 0, f"collector {arguments[0]} ended with {code}"
    return told.getvalue()


@dataclass
class RunningCollector:
    """A folder made by `init`, and the process that serves it. It may be killed and started again."""

    folder: Path
    process: subprocess.Popen[str] | None = None
    devices_url: str = ""
    pull_url: str = ""
    environment: dict[str, str] = field(default_factory=dict, kw_only=True)
    processes: int = field(default=1, kw_only=True)
    prefix: tuple[str, ...] = field(default=(), kw_only=True)
    """A command that runs the one behind it, in the same process."""

    @property
    def ca_file(self) -> Path:
        return self.folder / "keys" / "ca.pem"

    @property
    def log_file(self) -> Path:
        """What it has said on stderr."""
        return self.folder.with_suffix(".log")

    def start(self) -> None:
        command, environment = (
            [*self.prefix, *_OPS, "serve", str(self.folder), "--processes", str(self.processes)],
            {**os.environ, **self.environment},
        )
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        if self.process.stdout is None:
            raise AssertionError("its output is piped")
        self.devices_url, self.pull_url = (self.process.stdout.readline().split()[1] for _ in range(2))

    def stop(self, *, kill: bool = False) -> int:
        """Its exit code."""
        if self.process is None:
            return 0
        self.process.kill() if kill else self.process.terminate()
        code = self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return code

    def add_device(self, name: str, key: str = "", identity: str = "", tenant: str = "default") -> HttpsSettings:
        """Register a device with the signing key of that text, and tell how it comes here. `identity`: the files' name."""
        tls_key = ec.generate_private_key(ec.SECP256R1())
        stem = self.folder / (identity or name)
        key_file, public_file, certificate = (stem.with_suffix(end) for end in (".key", ".pub", ".pem"))
        private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key_file.write_bytes(tls_key.private_bytes(*private))
        public_file.write_bytes(
            tls_key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        public = signing_key(key or name).public_key().public_bytes_raw().hex()
        tls = ("--tls-key", public_file, "--certificate", certificate)
        collector_command("add-device", self.folder, name, "--key", public, *tls, "--tenant", tenant)
        return HttpsSettings(self.devices_url, self.ca_file, certificate, key_file)

    def receipt_key(self) -> Ed25519PublicKey:
        return read_receipt_key(self.folder / "keys" / "receipt.key.pem").public_key()

    def token_file(self, name: str = "controller") -> Path:
        """A file with a new token for a controller."""
        file = self.folder / f"{name}.token"
        file.write_text(collector_command("token", self.folder, name), encoding="ascii")
        return file


@contextmanager
def running_collector(
    folder: Path,
    more: str = "",
    environment: dict[str, str] | None = None,
    *,
    database: str | None = None,
    processes: int = 1,
) -> Iterator[RunningCollector]:
    """A collector with free ports, whose keysets are signed with the key of the text "root". `more`: settings (TOML)."""
    root = signing_key("root").public_key().public_bytes_raw().hex()
    where = ("--database", database) if database else ()
    collector_command("init", folder, "--device-port", "0", "--people-port", "0", "--root-key", root, *where)
    with (folder / "collector.toml").open("a", encoding="utf-8") as settings:
        settings.write(more)
    running = RunningCollector(folder, environment=environment or {}, processes=processes)
    running.start()
    try:
        yield running
    finally:
        running.stop()
