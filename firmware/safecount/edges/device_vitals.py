"""How the whole device is during a trial: services, memory, temperature, and what the seal process tells of counting.

Implements `updating.ports.Vitals`.
"""

import subprocess
import time
from pathlib import Path

from safecount.edges.board import board_state
from safecount.edges.vitals_file import CountingVitals, read_vitals
from safecount.updating.health_check import Sample
from safecount.wire.values import Accelerator, CameraState

UNITS = ("safecount-vision.service", "safecount-seal.service", "safecount-uplink.service")
MAX_RESTARTS = 3
DAY_S = 86_400
_MEMORY = Path("/proc/meminfo")


class DeviceVitals:
    """Remembers the first look, since a check asks what has happened since it began.

    `owned` tells whether the device belongs to a site: before that nothing is sealed or sent, and nothing of it asked.
    """

    def __init__(self, state: Path, vitals_file: Path, *, owned: bool, units: tuple[str, ...] = UNITS) -> None:
        self._state = state
        self._file = vitals_file
        self._owned = owned
        self._units = units
        self._first: CountingVitals | None = None

    def sample(self) -> Sample:
        now = read_vitals(self._file)
        self._first = self._first or now
        first = self._first
        working = now is not None and now.camera is CameraState.WORKING
        modelled = now is not None and now.accelerator is not Accelerator.NONE
        return Sample(
            frames=working if self._owned else None,
            model=modelled if self._owned else None,
            sealed=(now is not None and first is not None and now.sequence > first.sequence) if self._owned else None,
            reached=(now is not None and first is not None and now.received_at_s > first.received_at_s)
            if self._owned
            else None,
            services=self._services_run(),
            memory_free=memory_free(_MEMORY),
            temperature_c=board_state(self._state).temperature_c,
        )

    def reached_lately(self) -> bool:
        now = read_vitals(self._file)
        return now is not None and now.received_at_s > time.time() - DAY_S

    def _services_run(self) -> bool:
        """Whether systemd has none of ours as failed or restarted again and again."""
        if not self._units:
            return True
        ran = subprocess.run(
            ["systemctl", "show", "--property=ActiveState,NRestarts", *self._units],
            check=False, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return ran.returncode == 0 and services_run(ran.stdout)


def services_run(shown: str) -> bool:
    """Judge the output of `systemctl show --property=ActiveState,NRestarts`."""
    lines = [line.partition("=")[::2] for line in shown.splitlines() if line]
    states = [value for name, value in lines if name == "ActiveState"]
    restarts = [value for name, value in lines if name == "NRestarts"]
    return "failed" not in states and all(value.isdecimal() and int(value) <= MAX_RESTARTS for value in restarts)


def memory_free(meminfo: Path) -> float:
    """Share of the memory that is available (proc_meminfo(5)); 1 where the kernel does not tell."""
    table: dict[str, int] = {}
    for line in meminfo.read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()
        if number and number[0].isdecimal():
            table[name] = int(number[0])
    return table.get("MemAvailable", 1) / max(1, table.get("MemTotal", 1))
