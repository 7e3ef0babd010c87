"""A collector of one's own on this machine, on loopback: made by the operator's commands, served in a process of its own,
and stopped at the end.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.errors import SafecountError
from safecount_ops.collector.command import command
from safecount_ops.controller.home import CollectorAddress, write_private

_OPS = (sys.executable, "-m", "safecount_ops", "collector")
_STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class LocalCollector:
    """A collector that runs. `devices_url` is where devices come to, `pull_url` where controllers do."""

    folder: Path
    devices_url: str
    pull_url: str

    @property
    def ca_file(self) -> Path:
        return self.folder / "keys" / "ca.pem"

    def trust(self, root: Ed25519PublicKey) -> None:
        """Pin the key that keysets must be signed with."""
        _command("add-tenant", self.folder, "default", "--root-key", root.public_bytes_raw().hex())

    def enrol(self, device: str, signing: Ed25519PublicKey, tls: ec.EllipticCurvePublicKey) -> bytes:
        """Let a device in; gives its certificate (PEM)."""
        public, certificate = self.folder / f"{device}.pub", self.folder / f"{device}.pem"
        public.write_bytes(tls.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        key = ("--key", signing.public_bytes_raw().hex())
        _command("add-device", self.folder, device, *key, "--tls-key", public, "--certificate", certificate)
        return certificate.read_bytes()

    def address(self) -> CollectorAddress:
        """How a controller comes here, with a new token."""
        token = self.folder / "controller.token"
        write_private(token, _command("token", self.folder, "controller").encode())
        return CollectorAddress(self.pull_url, self.ca_file, token)


def create(folder: Path, *options: str) -> Ed25519PublicKey:
    """Make a collector's folder, with more options of `init`; gives the key that its receipts are signed with."""
    told = _command("init", folder, "--device-port", "0", "--people-port", "0", *options)
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(_after("Receipt key:", told.splitlines())))


@contextmanager
def serving(folder: Path) -> Iterator[LocalCollector]:
    """The collector of a folder, served until the end."""
    log = folder / "serve.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*_OPS, "serve", str(folder)], stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True
        )
    try:
        yield LocalCollector(folder, *_addresses(process, log))
    finally:
        stop(process)


def stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Ask a process of ours to stop, and see that it has."""
    process.terminate()
    try:
        process.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _addresses(process: subprocess.Popen[str], log: Path) -> tuple[str, str]:
    """Where devices, and where controllers and people come to: the two lines that `serve` prints once it is ready."""
    lines = [process.stdout.readline() for _ in range(2)] if process.stdout else []
    urls = [line.partition(": ")[2].strip() for line in lines]
    if len(urls) != 2 or not all(url.startswith("https://") for url in urls):
        raise SafecountError(f"The collector did not start: {last_line(log)}.")
    return urls[0], urls[1]


def last_line(log: Path) -> str:
    """What a process has said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it has said nothing"


def _after(label: str, lines: list[str]) -> str:
    for line in lines:
        if line.startswith(label):
            return line.removeprefix(label).strip()
    raise SafecountError(f"The collector's init did not tell its {label.rstrip(':').lower()}.")


def _command(*arguments: str | Path) -> str:
    """What a command of `safecount-ops collector` prints; SafecountError with its own words if it fails."""
    told = io.StringIO()
    try:
        with redirect_stdout(told):  # in this process: to start another takes longer than the command
            command.main(args=[str(one) for one in arguments], standalone_mode=False)
    except SafecountError as error:
        raise SafecountError(f"The collector on this machine cannot be made: {error}") from error
    return told.getvalue()
