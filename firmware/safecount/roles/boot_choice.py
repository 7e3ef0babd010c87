"""RAUC's boot handler ("custom" back end): tells and writes which slot the firmware starts. Run by RAUC's service, as root.

RAUC calls it with one of: get-primary, get-current, get-state NAME, set-primary NAME, set-state NAME good|bad. What an
install sets is not written: a new slot is started once by `tryboot`, and only `good` of the slot that runs is kept.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from safecount.edges.autoboot import AutobootFile
from safecount.edges.board import board_state
from safecount.errors import SafecountError

SELECTOR = Path("/boot")
FILE = SELECTOR / "autoboot.txt"


def answer(arguments: Sequence[str], running: str, committed: str, commit: Callable[[str], bool]) -> str:
    """What to print for a call.

    Raises:
        SafecountError: the call is refused; RAUC then stops what it was about to do.
    """
    match list(arguments):
        case ["get-primary"]:
            return committed
        case ["get-current"]:
            return running
        case ["get-state", "A" | "B" as slot]:
            return "good" if slot == committed else "bad"
        case ["set-primary", "A" | "B"]:
            return ""
        case ["set-state", "A" | "B" as slot, "bad"]:
            if slot == committed:
                raise SafecountError(f"Slot {slot} is the one that is known to work; it is not given up.")
            return ""
        case ["set-state", "A" | "B" as slot, "good"]:
            if slot != running:
                raise SafecountError(f"Slot {slot} does not run, so nobody knows whether it is good.")
            if not commit(slot):
                raise SafecountError("autoboot.txt was not read back as written; the slot is not committed.")
            return ""
    raise SafecountError(f"No such call of a boot handler: {' '.join(arguments)}.")


def _commit(slot: str) -> bool:
    """Write while the selector is writable for a moment, and only then."""
    file = AutobootFile(FILE)
    if file.committed() == slot:
        return True
    _remount("rw")
    try:
        return file.commit(slot)
    finally:
        _remount("ro")


def _remount(mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(SELECTOR)], check=False)


def main(arguments: Sequence[str]) -> int:
    """Answer one call. Exit code 1 and a sentence on stderr for what is refused."""
    try:
        said = answer(arguments, board_state(Path("/")).slot, AutobootFile(FILE).committed(), _commit)
    except SafecountError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if said:
        sys.stdout.write(f"{said}\n")
    return 0
