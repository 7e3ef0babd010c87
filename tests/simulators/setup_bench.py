"""A device's set-up page in a temporary folder: its processes, its serial console, and requests as a browser sends them."""

import os
import re
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from simulators.device import DeviceFolder
from simulators.tls import Authority

RUN_FOLDERS = ("session", "scene", "setup", "certificate")


@dataclass
class Setup:
    """A device with its page's process, the console that it said the code on, and a browser's requests."""

    device: DeviceFolder
    console: int
    button: int
    base: str = ""
    token: str = ""

    def say(self, command: str, answer: str, again_s: float = 20.0) -> re.Match[str]:
        """Say a line on the serial console, and wait for an answer of that form; say it again after a while."""
        heard = ""
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            os.write(self.console, f"{command}\n".encode())
            next_s = time.monotonic() + again_s
            while (left_s := next_s - time.monotonic()) > 0 and select.select([self.console], [], [], left_s)[0]:
                heard += os.read(self.console, 4096).decode()
                if found := re.search(answer, heard):
                    return found
        raise AssertionError(f"the console said {heard!r}")

    def open(self) -> str:
        """Open a session; its code."""
        found = self.say("setup", r"Set-up page: (http://\S+)/ code (\S+) for 30 minutes\.")
        self.base = found[1]
        return found[2]

    def press_button(self, held_s: float) -> None:
        """Press the board's button, as the kernel tells it (struct input_event)."""
        events = [struct.pack("llHHi", second, micros, 1, 141, value) for second, micros, value in (
            (100, 0, 1), (100 + int(held_s), round(held_s % 1 * 1e6), 0),
        )]  # fmt: skip
        os.write(self.button, b"".join(events))

    def post(self, name: str, **fields: object) -> requests.Response:
        headers = {"Origin": self.base, "Authorization": f"Bearer {self.token}"}
        return requests.post(f"{self.base}/api/{name}", json=fields, headers=headers, timeout=20)

    def look(self) -> dict[str, Any]:
        answer = requests.get(
            f"{self.base}/api/look?after=0", headers={"Authorization": f"Bearer {self.token}"}, timeout=20
        )
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def enter(self, code: str) -> None:
        self.token = self.post("enter", code=code).json()["token"]

    @property
    def scene_socket(self) -> Path:
        return self.device.folder / "run" / "scene" / "scene.sock"

    def answers(self, status: int = 401) -> bool:
        """Whether the page answers a press so; not while it is between two sessions."""
        try:
            return self.post("press", line=0, inward=True).status_code == status
        except requests.RequestException:
            return False


@contextmanager
def setup_bench(folder: Path) -> Iterator[Setup]:
    """An enrolled device whose provisioning listens on its console; the other processes are the test's to start."""
    device = DeviceFolder(folder)
    ours, console = os.openpty()
    os.mkfifo(folder / "button")
    button = os.open(folder / "button", os.O_RDWR)
    device.configure(
        f'[provision]\nboot_file = "{folder}/none"\nbutton = "{folder}/button"\nserial_port = "{os.ttyname(console)}"\n'
        f'[setup]\ninterface = ""\naddress = "127.0.0.1"\nport = {_free_port()}\n'
    )
    for name in RUN_FOLDERS:
        (folder / "run" / name).mkdir()
    device.enrol("https://collector.invalid", Authority(folder))
    with ExitStack() as stack:
        stack.callback(os.close, button)
        stack.callback(os.close, ours)
        stack.callback(os.close, console)
        stack.enter_context(device.running("provision"))
        one = Setup(device, ours, button)
        one.say("serial", r"sc-\w+\r\n", again_s=0.5)
        yield one


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
