"""The update process's memory as a file, and its report beside it for the seal process, which writes health records.

Implements `updating.ports.MemoryStore`.
"""

from pathlib import Path

from safecount.edges.durable_file import replace_file
from safecount.edges.small_file import read_small
from safecount.errors import SafecountError
from safecount.updating.memory import MAX_MEMORY_BYTES, Memory, decode_memory, encode_memory
from safecount.wire.errors import UntrustedInput
from safecount.wire.update_state import REPORT_FILE, encode_report

MEMORY_FILE = "memory.cbor"


class UpdateMemoryFile:
    """Keeps nothing but where the files are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> Memory:
        raw = read_small(self._folder / MEMORY_FILE, MAX_MEMORY_BYTES)
        if raw is None:
            return Memory()
        try:
            return decode_memory(raw)
        except UntrustedInput:  # a damaged disk, or a newer firmware's form: a trial that nobody vouches for is left
            return Memory()

    def save(self, memory: Memory) -> None:
        """SafecountError if the disk does not take it: the step that it was written for is not taken."""
        try:
            self._save(memory)
        except OSError as error:
            raise SafecountError(f"The memory of updates cannot be kept: {error.strerror}.") from error

    def _save(self, memory: Memory) -> None:
        before = self.load()
        replace_file(self._folder / MEMORY_FILE, encode_memory(memory), 0o600)
        report = self._folder / REPORT_FILE
        if memory.report != before.report or not report.exists():
            replace_file(report, encode_report(memory.report), 0o644)
