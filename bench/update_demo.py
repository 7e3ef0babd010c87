"""A rehearsal to read: releases 1.1.0 (good) and 1.2.0 (too hot) reach a device, and a mirror tries to cheat.

Keys, TUF's metadata, RAUC's bundles and checks, the web server and all decisions of the device are real. The slots, the
firmware and the ten minutes of a trial are simulated (tests/simulators/update_device.py).
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from safecount.edges.bundle_download import Source
from safecount.edges.tuf_client import RepositorySettings, TufRepository
from safecount.edges.web import Web
from safecount.updating.health_check import Sample
from simulators.release_desk import ReleaseDesk, image
from simulators.release_server import ReleaseServer, Weather
from simulators.update_device import GOOD, Counter, Restarting, checked_by_rauc

NEVER = Weather(at="$^")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="update-demo.") as folder:
        Demo(Path(folder)).run()


class Demo:
    """The release side, a server, and one device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = ReleaseDesk(folder / "desk").create()
        self.versions: dict[bytes, str] = {}
        (folder / "device").mkdir()
        self.device = Counter(
            folder / "device", checked_by_rauc(self.desk.rauc.ca, self.versions), sample_of=self.sample
        )
        self.running = folder / "running.img"
        self.running.write_bytes(image(1))

    def run(self) -> None:
        say("The ceremony made the keys: root 2 of 3, targets, snapshot, timestamp; and RAUC's authority.")
        self.release("1.0.0", image(1))
        with ReleaseServer(self.desk.public) as self.server:
            self.ask("The device runs 1.0.0 in slot A, and asks.")
            changed = image(1)[: 30 * 4096] + image(2, 4096) + image(1)[30 * 4096 :]
            self.release("1.1.0", changed)
            self.server.weather = Weather(
                at=r"\.raucb", bytes_of=lambda content: content[:5000] + b"?" + content[5001:]
            )
            self.ask("1.1.0 is published, and the mirror changes one byte of it.")
            self.server.weather = NEVER
            self.ask("The mirror is honest again.")
            self.trial()
            self.release("1.2.0", image(3))
            self.ask("1.2.0 is published; on this device it will run too hot.")
            self.trial()
            self.ask("It is still listed.")

    @staticmethod
    def sample(version: str) -> Sample:
        return replace(GOOD, temperature_c=95.0) if version == "1.2.0" else GOOD

    def release(self, version: str, root: bytes) -> None:
        bundle = self.desk.bundle(version, root=root)
        self.versions[bundle.read_bytes()[-256:]] = version
        self.desk.publish(bundle)

    @contextmanager
    def client(self) -> Iterator[TufRepository]:
        web = Web()
        settings = RepositorySettings(
            self.server.url, self.folder / "tuf", self.desk.root_file, [Source(self.running)], keep_free=0
        )
        yield TufRepository(settings, web)
        web.close()

    def ask(self, words: str) -> None:
        say(words)
        self.server.sent = 0
        with self.client() as client:
            report = self.device.rounds(client).ask()
        why = f", {report.reason.name}" if report.reason else ""
        held = self.device.load().trial
        waits = f"; {held.release} is in slot {held.slot} and waits for its hour" if held else ""
        detail(f"{report.state.name}{why}: {self.server.sent / 1e3:.1f} KB fetched{waits}")

    def trial(self) -> None:
        with self.client() as client, suppress(Restarting):
            self.device.rounds(client).start_trial_if_due()
        self.device.boot()
        detail(f"its hour: restarted once into slot {self.device.running}, {self.device.contents[self.device.running]}")
        with self.client() as client:
            rounds = self.device.rounds(client)
            rounds.start()
            detail(f"{self.device.report.state.name}: the check begins")
            with suppress(Restarting):
                for at_s in range(0, 601, 5):
                    rounds.watch(at_s)
                    if not rounds.checking:
                        break
            detail(f"the check ended after {at_s} s of the device's time")
            if self.device.device().on_trial:
                self.device.boot()
                self.device.rounds(client).start()
        report, device = self.device.report, self.device.device()
        why = f", {report.reason.name}" if report.reason else ""
        detail(
            f"{report.state.name}{why}: {device.version} runs from slot {device.slot}, a plain start takes {device.committed}"
        )


def say(words: str) -> None:
    print(f"\n{words}")


def detail(words: str) -> None:
    print(f"    {words}")


if __name__ == "__main__":
    if not shutil.which("rauc"):
        raise SystemExit("RAUC is not installed (Debian: apt-get install rauc squashfs-tools).")
    main()
