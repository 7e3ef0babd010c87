"""A blank device with a terminal on its serial port, and the collector that waits for it."""

import os
import pty
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount.edges.identity import load_identity
from safecount.wire.enrolment import Label, encode_label
from safecount_ops.__main__ import main
from simulators.bare_collector import bare_collector
from simulators.collector import MemoryCollector
from simulators.device import KEYSET, DeviceFolder
from simulators.est_collector import DeviceCa, EstCollector
from simulators.keys import signing_key
from simulators.loopback_collector import LoopbackCollector
from simulators.tls import Authority


@dataclass
class Site:
    """A blank device with a terminal on its serial port, and the collector that waits for it."""

    folder: Path
    device: DeviceFolder
    collector: EstCollector
    url: str
    terminal: int
    heard: str = ""

    def make_code(self, *more: str) -> str:
        """What the operator does for this device: site-qr in the collector's folder."""
        identity = load_identity(*(self.device.part(name) for name in ("provision", "seal", "uplink")))
        return self.make_code_for(identity.label, *more)

    def make_code_for(self, label: Label, *more: str) -> str:
        out = self.folder / "site.txt"
        arguments = ["site-qr", str(self.folder), "--url", self.url, "--root", str(self.folder / "root.pub")]
        arguments += ["--site", "station", "--zone", "Europe/Berlin", "--line", "north=0.5,0:0.5,1:right"]
        arguments += ["--label", encode_label(label), "--out", str(out), *more]
        assert main(arguments) == 0
        return out.read_text().strip()

    def type(self, line: str) -> None:
        os.write(self.terminal, line.encode() + b"\n")

    def expect(self, text: str, within_s: float = 20) -> None:
        """Read the terminal until the text has come; forget what came before it."""
        until_s = time.monotonic() + within_s
        while text not in self.heard:
            assert time.monotonic() < until_s, f"not heard: {text}; heard: {self.heard}"
            try:
                self.heard += os.read(self.terminal, 4096).decode("ascii", "replace")
            except BlockingIOError:
                time.sleep(0.02)
        self.heard = self.heard.split(text, 1)[1]


@pytest.fixture(name="site")
def enrolment_site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys")
    others = LoopbackCollector(MemoryCollector(signing_key("device").public_key()), KEYSET)
    collector = EstCollector(DeviceCa(authority), bare_collector(tmp_path), others)
    root = signing_key("root").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "root.pub").write_bytes(root)
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    device = DeviceFolder(tmp_path / "device")
    device.folder.mkdir()
    device.configure(
        f'[provision]\nserial_port = "{os.ttyname(theirs)}"\nboot_file = "{tmp_path / "card.txt"}"\nretry_s = 0.3\n'
    )
    with ExitStack() as stack:
        stack.callback(os.close, ours)
        stack.callback(os.close, theirs)
        yield Site(tmp_path, device, collector, stack.enter_context(collector.serving()), ours)
