"""The probe is not blind: outside of any sandbox it gets through."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from boot.inside import shut_in

PROBE = Path(shut_in.__file__).with_name("probe.py")


def test_what_every_program_may_do_gets_through_and_what_nobody_may_does_not(tmp_path: Path) -> None:
    local = tmp_path / "local.sock"
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as here, socket.create_server(("127.0.0.1", 0)) as outside:
        here.bind(str(local))
        here.listen()
        wishes = {
            "processes": {"tests": os.getpid()},
            "read": [str(tmp_path / "file"), str(tmp_path / "none")],
            "write": [str(tmp_path), str(tmp_path / "no folder")],
            "sockets": [str(local)],
            "outside": outside.getsockname(),
            "shared_memory_key": shut_in.SHARED_MEMORY_KEY,
        }
        (tmp_path / "wishes.json").write_text(json.dumps(wishes))
        command = [sys.executable, "-I", str(PROBE), str(tmp_path / "wishes.json")]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert {name for name, what in told.items() if what == "through"} >= {
        "socket inet", "connect outside", "datagram outside", "listen to the network", f"connect {local}", "see tests",
        "signal tests", f"read {tmp_path}/file", f"write {tmp_path}", f"run from {tmp_path}", "writable code",
        "memory that becomes code", "code from a file in memory", "another personality", "a file that gives its rights",
    }  # fmt: skip
    assert {name: what for name, what in told.items() if "none" in name or "no folder" in name} == {
        f"read {tmp_path}/none": "refused: ENOENT",
        f"write {tmp_path}/no folder": "refused: ENOENT",
        f"run from {tmp_path}/no folder": "refused: ENOENT",
    }


def test_a_directive_is_left_out_and_nothing_else() -> None:
    """The unit with another life keeps its sandbox."""
    units = Path(__file__).parents[2] / "config/usr/lib/systemd/system"
    whole = shut_in.probing_unit("safecount-vision", [], units)
    less = shut_in.probing_unit("safecount-vision", ["PrivateNetwork"], units)
    assert "PrivateNetwork=yes\n" in whole
    assert "PrivateNetwork=yes\n" not in less
    assert "MemoryDenyWriteExecute=yes\n" in less
    kept = {line for line in whole.splitlines() if "=" in line and not line.startswith(("#", "ExecStart"))}
    assert {line for line in kept if "Restrict" in line or "Filter" in line or "Paths" in line} <= set(
        less.splitlines()
    )
    assert "/usr/bin/safecount" not in whole
