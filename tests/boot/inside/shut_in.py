"""Root's part on the device: makes for a unit another that is shut in the same way and runs the probe; prints what it said.

    shut_in.py ADDRESS PORT prepare
    shut_in.py ADDRESS PORT UNIT [DIRECTIVE ...]      the unit without these directives, to see whether the probe misses them

A unit's sandbox is its own file and what systemd adds to it; only what it runs, and when, is another. The probe is told what
there is on this device to be read, written to and connected to.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path("/run/probe")
UNITS = Path("/usr/lib/systemd/system")
MADE = Path("/run/systemd/system")
PROBE = Path(__file__).with_name("probe.py")
STATE, RUN = Path("/var/lib/safecount"), Path("/run/safecount")
PROCESSES = ("vision", "seal", "uplink", "provision", "update")
ANOTHER_LIFE = re.compile(
    r"^(Type|ExecStart|Restart\w*|WatchdogSec|Requires|Wants|After|Before|BindsTo|Condition\w+|OnFailure|WantedBy|\[Install\]"
    r"|TimeoutStartSec|StartLimitIntervalSec|StandardError)\b.*\n?|^\[Install\]\n",
    re.MULTILINE,
)
CAMERA = Path("/dev/video0")
OPEN_FOLDER, OPEN_FILE = Path("/run/probe-open"), Path("/tmp/probe-open")
SHARED_MEMORY_KEY = 4711
HARD_TO_GET = ("/etc/shadow", "/proc/1/environ", "/proc/kcore", "/dev/kmsg", "/dev/mem", "/dev/mapper/control")
NOT_TO_BE_WRITTEN = (
    "/",
    "/etc",
    "/usr",
    "/usr/local",
    "/boot",
    "/home",
    "/root",
    "/var",
    "/var/log",
    "/var/lib",
    "/run",
    "/run/lock",
)
TUNABLES = ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state", "/sys/fs/cgroup/cgroup.procs")
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")


def prepare() -> None:
    """What the rights of files alone would refuse is opened to all, so that the sandbox is seen and not the rights."""
    FOLDER.mkdir(exist_ok=True)
    OPEN_FOLDER.mkdir(exist_ok=True)
    OPEN_FOLDER.chmod(0o777)
    OPEN_FILE.write_text("of another process\n", encoding="ascii")
    OPEN_FILE.chmod(0o644)
    subprocess.run(["modprobe", "videodev"], check=True)
    if not CAMERA.exists():
        os.mknod(CAMERA, 0o20666, os.makedev(81, 0))
    CAMERA.chmod(0o666)
    if ctypes.CDLL(None).shmget(SHARED_MEMORY_KEY, 4096, 0o1666) < 0:
        raise SystemExit("no shared memory could be made")


def wishes(outside: tuple[str, int]) -> dict[str, object]:
    blocks = [f"/dev/{path.name}" for path in sorted(Path("/sys/class/block").glob("[vd][dm]*"))]
    kept = [str(path) for path in sorted(STATE.rglob("*")) if path.is_file()]
    folders = [str(path) for top in (STATE, RUN) for path in sorted(top.iterdir()) if path.is_dir()]
    unix = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()[1:]
    paths = {line.split()[7] for line in unix if len(line.split()) > 7 and line.split()[7].startswith("/")}
    paths |= {str(path) for path in RUN.rglob("*.sock")}  # of a process with a network of its own
    serial = os.path.realpath("/dev/safecount-serial")
    return {
        "processes": {"init": 1} | {name: pid for name in PROCESSES if (pid := main_pid(f"safecount-{name}"))},
        "read": [*HARD_TO_GET, str(CAMERA), str(OPEN_FILE), serial, *blocks, *kept],
        "write": [*NOT_TO_BE_WRITTEN, *TUNABLES, *SHARED, str(OPEN_FOLDER), str(STATE), *folders],
        "sockets": sorted(path for path in paths if Path(path).is_socket()),
        "outside": outside,
        "shared_memory_key": SHARED_MEMORY_KEY,
    }


def main_pid(unit: str) -> int:
    told = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], check=True, capture_output=True, text=True)
    return int(told.stdout)


def probing_unit(unit: str, without: list[str], units: Path = UNITS) -> str:
    """The unit's file with another life. Without some directive, all that systemd would add is put into it first."""
    text = (units / f"{unit}.service").read_text(encoding="utf-8")
    if without:
        text += (units / "safecount-.service.d/sandbox.conf").read_text(encoding="utf-8")
        text = "".join(line for line in text.splitlines(keepends=True) if line.partition("=")[0] not in without)
    life = f"Type=oneshot\nExecStart=/usr/bin/python3 -I {PROBE} {FOLDER}/wishes.json\n"
    life += f"StandardOutput=truncate:{FOLDER}/told.json\n"
    life += "RuntimeDirectoryPreserve=yes\nTimeoutStartSec=300\n"
    return ANOTHER_LIFE.sub("", text).replace("[Service]\n", f"[Service]\n{life}", 1)


def main(address: str, port: str, unit: str, *without: str) -> None:
    if unit == "prepare":
        prepare()
        return
    (FOLDER / "wishes.json").write_text(json.dumps(wishes((address, int(port)))), encoding="utf-8")
    # Under its own kind of name the common drop-in is added by systemd itself.
    name = f"probe-{unit}.service" if without else f"{unit}-probe.service"
    MADE.mkdir(exist_ok=True)
    (MADE / name).write_text(probing_unit(unit, list(without)), encoding="utf-8")
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    done = subprocess.run(["systemctl", "start", name], check=False, capture_output=True, text=True)
    if done.returncode:
        told = subprocess.run(
            ["journalctl", "-u", name, "-o", "cat", "-n", "20"], check=False, capture_output=True, text=True
        )
        raise SystemExit(f"{name} did not run: {done.stderr}{told.stdout}")
    sys.stdout.write((FOLDER / "told.json").read_text(encoding="utf-8") + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
