"""The real RAUC, as a service on a bus of its own, installs into slots that are files; our handler answers it.

The bundles here are of RAUC's "plain" format: "verity" needs the kernel's device mapper, which a container lacks.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from debian import need
from safecount.edges import autoboot
from safecount.edges.rauc import RaucSlots, SlotSettings
from safecount.updating.ports import Refused
from safecount.wire.release import Version
from safecount.wire.update_state import Refusal
from safecount_ops.release.rauc_ca import RaucCa
from simulators.device import stop
from simulators.release_desk import ReleaseDesk, image

MIB = 1 << 20
CONF = """
[system]
compatible=safecount-rpi
bootloader=custom
bundle-formats=plain verity
mountprefix={folder}/mounts
statusfile={folder}/status

[keyring]
path={folder}/desk/rauc/ca.pem

[handlers]
bootloader-custom-backend={folder}/boot-choice

[slot.rootfs.0]
device={folder}/root-a
type=raw
bootname=A

[slot.boot.0]
device={folder}/boot-a
type=raw
parent=rootfs.0

[slot.rootfs.1]
device={folder}/root-b
type=raw
bootname=B

[slot.boot.1]
device={folder}/boot-b
type=raw
parent=rootfs.1
"""
MANIFEST = """
[update]
compatible=safecount-rpi
version=2.0.0

[image.rootfs]
filename=root.img

[image.boot]
filename=boot.img
"""
HANDLER = """#!{python}
import sys
from pathlib import Path
from safecount.edges.autoboot import AutobootFile
from safecount.errors import SafecountError
from safecount.roles.boot_choice import answer

file = AutobootFile(Path("{folder}/autoboot.txt"))
running = {{2: "A", 3: "B"}}[int.from_bytes(Path("{folder}/partition").read_bytes(), "big")]
with open("{folder}/calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
try:
    print(answer(sys.argv[1:], running, file.committed(), file.commit))
except SafecountError as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True)
class Card:
    """Slots as files, `autoboot.txt`, and what the firmware tells."""

    folder: Path

    def create(self) -> "Card":
        for name in ("root-a", "root-b", "boot-a", "boot-b"):
            (self.folder / name).write_bytes(bytes(2 * MIB))
        (self.folder / "autoboot.txt").write_bytes(autoboot.content("A"))
        (self.folder / "mounts").mkdir()
        (self.folder / "system.conf").write_text(CONF.format(folder=self.folder))
        handler = self.folder / "boot-choice"
        handler.write_text(HANDLER.format(python=sys.executable, folder=self.folder))
        handler.chmod(0o755)
        self.runs("A")
        return self

    def runs(self, slot: str) -> None:
        (self.folder / "partition").write_bytes(autoboot.PARTITIONS[slot].to_bytes(4, "big"))

    @property
    def slots(self) -> RaucSlots:
        return RaucSlots(
            SlotSettings(
                board="rpi",
                version=Version(1, 0, 0),
                device_name="door-1",
                autoboot=self.folder / "autoboot.txt",
                keyring=self.folder / "desk" / "rauc" / "ca.pem",
                restart_file=self.folder / "restart",
                state=self.folder,
                boot_partition=self.folder / "partition",
            )
        )

    def holds(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def bundle(self, root: bytes, boot: bytes) -> Path:
        content, made = self.folder / "content", self.folder / "plain.raucb"
        content.mkdir()
        (content / "root.img").write_bytes(root)
        (content / "boot.img").write_bytes(boot)
        (content / "manifest.raucm").write_text(MANIFEST)
        signer = RaucCa(self.folder / "desk" / "rauc")
        line = ["rauc", "bundle", f"--cert={signer.certificate}", f"--key={signer.key}", str(content), str(made)]
        subprocess.run([need("rauc"), *line[1:]], check=True, capture_output=True)
        return made

    @contextmanager
    def rauc(self, running: str) -> Iterator[None]:
        self.runs(running)
        line = ["rauc", f"--conf={self.folder / 'system.conf'}", f"--override-boot-slot={running}", "service"]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log)
            try:
                wait_for_service(process, self.folder / "log")
                yield
            finally:
                stop(process)


def wait_for_service(process: "subprocess.Popen[bytes]", log: Path) -> None:
    until_s = time.monotonic() + 10
    while subprocess.run(["rauc", "status"], capture_output=True, check=False).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until_s, "RAUC's service does not answer"
        time.sleep(0.05)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    need("rauc")
    bus = subprocess.Popen(
        [
            need("dbus-daemon"),
            "--session",
            "--nofork",
            "--nopidfile",
            f"--address=unix:path={tmp_path}/bus",
            "--print-address",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.stdout.readline().strip())
    ReleaseDesk(tmp_path / "desk").create()
    try:
        yield Card(tmp_path).create()
    finally:
        bus.terminate()
        bus.wait(5)
        bus.stdout.close()


def test_a_bundle_goes_into_the_other_slot_and_is_kept_when_it_runs(card: Card) -> None:
    root = image(5)
    bundle = card.bundle(root, image(99, 20_480))
    with card.rauc("A"):
        card.slots.install(str(bundle))
        assert card.holds("root-b").startswith(root)
        assert card.holds("boot-b").startswith(image(99, 20_480))
        assert card.holds("root-a") == bytes(2 * MIB)
        assert (card.slots.device().slot, card.slots.device().committed) == ("A", "A"), "an install commits nothing"
        other = RaucCa(card.folder / "other")
        other.create()
        evil = ReleaseDesk(card.folder / "desk").bundle("3.0.0", by=other)
        with pytest.raises(Refused) as refused:
            card.slots.install(str(evil))
        assert refused.value.refusal is Refusal.NOT_SIGNED
    with card.rauc("B"):
        assert card.slots.device().on_trial
        with pytest.raises(Refused) as refused:
            card.slots.install(str(bundle))
        assert refused.value.refusal is Refusal.INSTALL_FAILED
        assert card.slots.commit()
        assert (card.slots.device().slot, card.slots.device().committed) == ("B", "B")


def test_without_a_service_nothing_is_installed_or_committed(card: Card) -> None:
    bundle = ReleaseDesk(card.folder / "desk").bundle("2.0.0")
    with pytest.raises(Refused) as refused:
        card.slots.install(str(bundle))
    assert refused.value.refusal is Refusal.INSTALL_FAILED
    card.runs("B")
    assert not card.slots.commit()


def test_restarts_are_asked_for_by_a_file(card: Card) -> None:
    card.slots.start_other()
    assert (card.folder / "restart").read_text() == "0 tryboot\n"
    card.slots.restart()
    assert (card.folder / "restart").read_text() == "plain\n"
