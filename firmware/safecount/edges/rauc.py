"""RAUC on the device, spoken to by its command, and the two slots as they are.

RAUC's service is root and does the writing (D-Bus policy in config/usr/share/dbus-1/system.d); this process asks.
Restarts are asked for by a file that a root unit watches, since only it may hand "0 tryboot" to the kernel.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from safecount.edges.autoboot import AutobootFile
from safecount.edges.board import BOOT_PARTITION, board_state
from safecount.errors import SafecountError
from safecount.updating.ports import Refused
from safecount.updating.update_policy import Device
from safecount.wire.release import DATA_FORMAT, Version
from safecount.wire.update_state import Refusal

INSTALL_S = 3600
"""Far above any card's time for a slot; an install that hangs ends here."""
_COMPATIBLE = "safecount-"


def verify_bundle(bundle: str, keyring: Path, board: str) -> None:
    """Check a bundle's signature and board by RAUC itself.

    Raises:
        Refused: NOT_SIGNED or WRONG_BOARD.
    """
    told = _run(["info", f"--keyring={keyring}", "--output-format=json", bundle], Refusal.NOT_SIGNED)
    try:
        compatible = str(json.loads(told)["compatible"])
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(Refusal.NOT_SIGNED, f"{bundle} does not say what it is for.") from error
    if compatible != _COMPATIBLE + board:
        raise Refused(Refusal.WRONG_BOARD, f"{bundle} is for {compatible}, and this board is {board}.")


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """Where things lie: `autoboot` on the selector partition, RAUC's `keyring`, `restart_file` that the root unit watches,
    `state` any folder of the data partition, `boot_partition` where the firmware tells which slot it started.
    """

    board: str
    version: Version
    device_name: str
    autoboot: Path
    keyring: Path
    restart_file: Path
    state: Path
    boot_partition: Path = BOOT_PARTITION


class RaucSlots:
    """Implements `updating.ports.Slots`. Remembers nothing: the disk and the firmware's device tree tell."""

    def __init__(self, settings: SlotSettings) -> None:
        self._settings = settings

    def device(self) -> Device:
        settings = self._settings
        running = board_state(settings.state, boot_partition=settings.boot_partition).slot
        try:
            committed = AutobootFile(settings.autoboot).committed()
        except SafecountError:  # without the file nothing can be tried or committed, and what runs goes on
            committed = running
        return Device(settings.device_name, settings.board, settings.version, DATA_FORMAT, running, committed)

    def install(self, bundle: str) -> None:
        device = self.device()
        if device.slot == "-":
            raise Refused(Refusal.INSTALL_FAILED, "The firmware does not tell which slot runs.")
        if device.on_trial:
            raise Refused(Refusal.INSTALL_FAILED, "A trial runs: the other slot is the one that works.")
        verify_bundle(bundle, self._settings.keyring, self._settings.board)
        _run(["install", bundle], Refusal.INSTALL_FAILED)

    def start_other(self) -> None:
        self._settings.restart_file.write_text("0 tryboot\n", encoding="ascii")

    def restart(self) -> None:
        self._settings.restart_file.write_text("plain\n", encoding="ascii")

    def commit(self) -> bool:
        """By RAUC, whose boot handler writes and reads back; then seen with our own eyes."""
        try:
            _run(["status", "mark-good", "booted"], Refusal.INSTALL_FAILED)
        except Refused:
            return False
        device = self.device()
        return device.slot in {"A", "B"} and device.slot == device.committed


def _run(arguments: list[str], refusal: Refusal) -> str:
    try:
        ran = subprocess.run(["rauc", *arguments], check=False, capture_output=True, text=True, timeout=INSTALL_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(Refusal.INSTALL_FAILED, f"RAUC cannot be run: {error}.") from error
    if ran.returncode:
        words = (ran.stderr.strip() or ran.stdout.strip() or "no word").splitlines()
        raise Refused(refusal, f"RAUC refused: {words[-1]}")
    return ran.stdout
