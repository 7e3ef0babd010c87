"""How counting and sealing are, left by the seal process in memory (/run) for the check of a trial.

Written at the counting process's own rhythm; what is old counts as nothing seen. Never leaves the device, and holds no
count: sequence numbers also grow by health records.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from safecount.edges.small_file import read_small
from safecount.wire.encoding import as_enum, as_list, as_uint, decode, encode
from safecount.wire.errors import UntrustedInput
from safecount.wire.values import Accelerator, CameraState

MAX_BYTES = 64
FRESH_S = 200.0
"""Three of the counting process's rounds, and some more."""


@dataclass(frozen=True, slots=True)
class CountingVitals:
    """`sequence` of the last envelope stored, `received_at_s` of the newest receipt in UTC seconds."""

    camera: CameraState
    accelerator: Accelerator
    sequence: int
    received_at_s: int


def leave_vitals(path: Path, vitals: CountingVitals) -> None:
    """Put the file in place. It lies in memory: nothing is synced. OSError if it cannot be written."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(encode([int(vitals.camera), int(vitals.accelerator), vitals.sequence, vitals.received_at_s]))
    beside.chmod(0o644)
    beside.rename(path)


def read_vitals(path: Path) -> CountingVitals | None:
    """What was left lately; None if there is nothing, or nothing that can be read."""
    try:
        if time.time() - path.stat().st_mtime > FRESH_S:
            return None
        untrusted = read_small(path, MAX_BYTES)
        if untrusted is None:
            return None
        camera, accelerator, sequence, received = as_list(decode(untrusted, MAX_BYTES), 4, 4)
        return CountingVitals(
            as_enum(camera, CameraState), as_enum(accelerator, Accelerator), as_uint(sequence), as_uint(received)
        )
    except (OSError, UntrustedInput):
        return None
