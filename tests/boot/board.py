"""The emulated board: power, reset and the two wires that come out of it, as named states.

off --power--> booting --the root's first word--> up --power cut--> off
                  ^                                |
                  +----reboot, "0 tryboot" once----+
"""

import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from boot.firmware import MACHINE, Firmware
from boot.monitor import Monitor
from boot.shell import ShellError, ask
from safecount_image.sizes import Sizes
from safecount_image.toolbox import Toolbox

CARD_BYTES = 2 << 30
RESTART = re.compile(rb"reboot: Restarting system(?: with command '([^']*)')?|reboot: machine restart")
LOOPBACK = re.compile(r"^ *\d+: [0-9A-F]{6}7F:")
"""A local address 127.x.x.x, as the kernel writes it on a little-endian machine."""
PATIENCE_S = 30.0
CABLE = "cable"
SLOWER = 2
"""So many times as long as a board's the watchdog of an emulated one waits."""
SHELL_WORDS = "systemd.debug_shell=ttyS0 systemd.show_status=no"


class State(Enum):
    OFF = "off"
    UP = "up"


class BootError(AssertionError):
    """The board did not do what was waited for; the text ends with what its console said last."""


class Board:
    """A card in a board. `console` is everything that came over the serial port since the last power-on.

    `online`: the network cable is in. `entering`: words before the emulator's command that lead it into another network, where
    the other end of its cable is the interface `CABLE`; none: it reaches this machine, and nobody reaches it. `disks`: more
    disks for the next start, each a file and the byte in it where the disk begins. `write_logs`, `captures`: None, or a list
    to which each start adds the log of its writes to the card, or of all that goes over the cable (a capture as tcpdump
    makes it).
    """

    def __init__(self, toolbox: Toolbox, image: Path, sizes: Sizes, work: Path, disks: Sequence[Path] = ()) -> None:
        self.work = work
        self._toolbox = toolbox
        self.card = work / "card.img"
        subprocess.run(["cp", "--sparse=always", str(image / "card.img"), str(self.card)], check=True)
        os.truncate(self.card, CARD_BYTES)  # the card that was bought is larger than the image
        self._sizes = sizes
        self.firmware = self.firmware_of(self.card)
        self.console = b""
        self.starts: list[int] = []
        self.online = True
        self.entering: Sequence[str] = ()
        self.write_logs: list[Path] | None = None
        self.captures: list[Path] | None = None
        self.disks = [(disk, 0) for disk in disks]
        self._qemu: subprocess.Popen[bytes] | None = None
        self._wires: dict[str, socket.socket] = {}
        self._monitor = work / "monitor.socket"
        self._extra = ""
        self._clock: datetime | None = None
        self._powered_s = 0.0
        self._bites_at_s = 0.0
        self._started_at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    @property
    def state(self) -> State:
        return State.OFF if self._qemu is None or self._qemu.poll() is not None else State.UP

    def firmware_of(self, card: Path) -> Firmware:
        """The board's firmware before another card."""
        return Firmware(self._toolbox, card, self._sizes, self.work)

    def power(self, words: Sequence[str] = (), clock: datetime | None = None) -> None:
        """Give it power. `words` are added to the kernel's command line, by the bench alone; `clock` is the time (UTC) in
        the board's clock chip, which goes on through restarts.
        """
        self._extra, self._clock, self._powered_s = " ".join((SHELL_WORDS, *words)), clock, time.monotonic()
        self._start(tryboot=False)

    def time(self) -> datetime | None:
        """What the board's clock chip shows now."""
        return self._clock and self._clock + timedelta(seconds=time.monotonic() - self._powered_s)

    def cut(self) -> None:
        """Pull the plug."""
        if self._qemu is not None:
            if self._qemu.poll() is None:
                os.killpg(self._qemu.pid, signal.SIGKILL)
            self._qemu.wait()
            _wait_for_all_of(self._qemu.pid)
        for wire in self._wires.values():
            wire.close()
        self._qemu, self._wires = None, {}

    def wait_for(self, text: str, within_s: float) -> float:
        """Wait until the console has said it, through restarts; gives the seconds that it took.

        Raises:
            BootError: it did not, in time.
        """
        began_s = time.monotonic()
        wanted = text.encode()
        while wanted not in self.console:
            if time.monotonic() - began_s > within_s:
                raise BootError(f"the console did not say {text!r} within {within_s:.0f} s:\n{self.last_words()}")
            self.listen(0.2)
        return time.monotonic() - began_s

    def listen(self, seconds: float) -> None:
        """Hear the console, and do what the firmware does when the kernel restarts the board."""
        console = self._wires.get("console")
        if console is None:
            raise BootError("the board is off")
        if not select.select([console], [], [], seconds)[0]:
            if self._bites_at_s and time.monotonic() > self._bites_at_s:
                self._start(tryboot=False)
            return
        heard = console.recv(65536)
        self.console += heard
        self._bites_at_s = 0.0
        with (self.work / "console.log").open("ab") as log:
            log.write(heard)
        if not heard:  # -no-reboot: the kernel has restarted or stopped the board
            restart = RESTART.search(self.console, self._started_at)
            self._start(tryboot=restart is not None and restart[1] == b"0 tryboot")

    def run_for(self, seconds: float) -> None:
        """Let it run."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self.listen(min(left_s, 0.5))

    def until_started(self, starts: int, within_s: float) -> None:
        """Wait until the firmware has started a kernel so many times since the board was made."""
        until_s = time.monotonic() + within_s
        while len(self.starts) < starts:
            if time.monotonic() > until_s:
                raise BootError(f"the board was not started again within {within_s:.0f} s:\n{self.last_words()}")
            self.listen(0.5)

    def type(self, line: str) -> None:
        """Type into the serial port."""
        self._wires["console"].sendall(line.encode() + b"\n")

    def ask(self, command: str, within_s: float = 60) -> str:
        """What a command prints in a shell that only the bench has (a word on the command line opens it).

        Raises:
            BootError: it took too long, or ended with another exit code than 0.
        """
        try:
            return ask(self._wires["shell"], command, within_s, lambda: self.listen(0.0))
        except ShellError as error:
            raise BootError(str(error)) from error

    def memory(self) -> bytes:
        """All of its memory, at this moment."""
        out = self.work / "memory"
        with Monitor(self._monitor) as monitor:
            monitor.save_memory(out)
        content = out.read_bytes()
        out.unlink()
        return content

    def open_ports(self) -> list[str]:
        """The lines of the kernel's tables for TCP ports that listen to others than the device itself (proc_net_tcp(5))."""
        tables = self.ask("cat /proc/net/tcp /proc/net/tcp6").splitlines()
        return [line for line in tables if " 0A " in line and not LOOPBACK.search(line)]

    def until(self, command: str, within_s: float) -> None:
        """Ask again and again until the command ends well. What is asked before the shell is there is lost."""
        until_s = time.monotonic() + within_s
        while True:
            try:
                self.ask(command, PATIENCE_S)
            except BootError:
                if time.monotonic() > until_s:
                    raise
                self.listen(2.0)
            else:
                return

    def last_words(self) -> str:
        return "\n".join(self.console.decode(errors="replace").splitlines()[-25:])

    def _start(self, *, tryboot: bool) -> None:
        kept = self.console if self._qemu is not None else b""
        self.cut()
        self.console, self._started_at = kept, len(kept)
        chosen = self.firmware.choose(tryboot=tryboot)
        self.starts.append(chosen.partition)
        slack_s = SLOWER * chosen.watchdog_s
        self._bites_at_s = time.monotonic() + slack_s if slack_s else 0.0
        paths = {name: self.work / f"{name}.socket" for name in ("console", "shell")}
        for path in (*paths.values(), self._monitor):
            path.unlink(missing_ok=True)
        line: list[str | Path] = ["qemu-system-aarch64", *MACHINE, "-no-reboot", "-device", "virtio-rng-pci"]
        line += self._card() if self.write_logs is not None else _disk(0, self.card)
        for number, (file, offset) in enumerate(self.disks):
            line += _disk(number + 1, file, offset)
        line += ["-netdev", self._cable(), "-device", "virtio-net-pci,netdev=n,romfile="]
        line += self._capture() if self.captures is not None else []
        for name, path in paths.items():
            line += ["-chardev", f"socket,id={name},path={path},server=on,wait=off"]
        line += [
            "-qmp",
            f"unix:{self._monitor},server=on,wait=off",
            "-serial",
            "chardev:console",
            "-device",
            "pci-serial,chardev=shell",
        ]
        if now := self.time():
            line += ["-rtc", f"base={now:%Y-%m-%dT%H:%M:%S}"]
        line += ["-kernel", chosen.kernel, "-initrd", chosen.initramfs, "-dtb", chosen.device_tree]
        line += ["-append", f"{chosen.command_line} {self._extra}"]
        command = [*self.entering, *self._toolbox.command(line, writable=[self.work])]
        self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self._wires = {name: _connected(path, self._qemu) for name, path in paths.items()}

    def _cable(self) -> str:
        if self.entering:
            return f"tap,id=n,ifname={CABLE},script=no,downscript=no"
        return "user,id=n" if self.online else "user,id=n,restrict=on"

    def _capture(self) -> list[str | Path]:
        assert self.captures is not None
        self.captures.append(self.work / f"wire-{len(self.starts)}.pcap")
        return ["-object", f"filter-dump,id=wire,netdev=n,file={self.captures[-1]}"]

    def _card(self) -> list[str | Path]:
        assert self.write_logs is not None
        log = self.work / f"writes-{len(self.starts)}.log"
        log.write_bytes(b"")
        self.write_logs.append(log)
        line: list[str | Path] = []
        for node in logged_card(self.card, log):
            line += ["-blockdev", node]
        return [*line, "-device", "virtio-blk-pci,drive=d0"]


def _wait_for_all_of(group: int) -> None:
    """Wait until the emulator has let go of the card: what was started around it may end before it does."""
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise BootError("the emulator did not end")


def logged_card(card: Path, log: Path) -> tuple[str, ...]:
    """QEMU's block nodes of a card, d0, whose writes are logged."""
    return (
        f"driver=file,filename={card},node-name=card",
        f"driver=file,filename={log},node-name=log",
        "driver=blklogwrites,file=card,log=log,node-name=d0",
    )


def _disk(number: int, file: Path, offset: int = 0) -> list[str | Path]:
    node = f"driver=raw,offset={offset},file.driver=file,file.filename={file},node-name=d{number}"
    return ["-blockdev", node, "-device", f"virtio-blk-pci,drive=d{number}"]


def _connected(path: Path, qemu: subprocess.Popen[bytes]) -> socket.socket:
    wire = socket.socket(socket.AF_UNIX)
    until_s = time.monotonic() + 20
    while True:
        try:
            wire.connect(str(path))
        except OSError as error:
            if qemu.poll() is not None or time.monotonic() > until_s:
                raise BootError("the emulator did not start") from error
            time.sleep(0.05)
        else:
            return wire
