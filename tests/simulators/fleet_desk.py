"""What an operator does for a fleet: a key, a table, a signed list and the file for every card."""

import io
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.wire.enrolment import fingerprint, serial_of
from safecount_ops.__main__ import main
from simulators.keys import signing_key

HEAD = "serial,fingerprint"


def row_of(name: str) -> str:
    """The table's row of the device whose identity key has that name."""
    identity = signing_key(name).public_key()
    return f"{serial_of(identity)},{fingerprint(identity).hex()}"


@dataclass
class FleetDesk:
    """A folder with the fleet's key, and the collector (its folder) that the lists are for."""

    folder: Path
    collector: Path
    url: str = "https://127.0.0.1:8443"

    def make_key(self, name: str = "fleet") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "phrase").write_text("five words drawn by dice\n")
        assert self.batch("key", str(self.folder / f"{name}.key")) == (0, "")
        root = signing_key("root").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "root.pub").write_bytes(root)

    def sign(self, *rows: str, head: str = HEAD, more: tuple[str, ...] = ("--site", "station")) -> tuple[int, str]:
        """Sign a table of these rows; exit code, and what was said of an error."""
        table = self.folder / "table.csv"
        table.write_text("\n".join([head, *rows]) + "\n")
        here = ["--key", str(self.folder / "fleet.key"), "--root", str(self.folder / "root.pub")]
        there = ["--url", self.url, "--ca", str(self.collector / "keys" / "ca.pem"), "--out", str(self.folder / "out")]
        return self.batch("sign", str(table), *here, *there, *more)

    def publish(self, *rows: str, more: tuple[str, ...] = ("--site", "station")) -> None:
        """Sign and take a list, in a second of its own: an older list than the last is not taken."""
        time.sleep(1.01 - time.time() % 1)
        assert self.sign(*rows, more=more) == (0, "")
        assert self.take() == (0, "")

    def take(self, key: str = "fleet") -> tuple[int, str]:
        return self.batch("take", str(self.collector), str(self.list_file), "--key", str(self.folder / f"{key}.pub"))

    @property
    def list_file(self) -> Path:
        return self.folder / "out" / "fleet-list.csv"

    @property
    def card_file(self) -> Path:
        return self.folder / "out" / "safecount-site.txt"

    def batch(self, word: str, *arguments: str) -> tuple[int, str]:
        phrase = () if word == "take" else ("--passphrase-file", str(self.folder / "phrase"))
        told = io.StringIO()
        with redirect_stdout(io.StringIO()), redirect_stderr(told):
            code = main(["enrol-batch", word, *arguments, *phrase])
        return code, told.getvalue()
