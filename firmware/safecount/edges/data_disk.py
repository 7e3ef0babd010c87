"""The data partition: made on first boot, opened on every later one. The only place that the device writes to.

Its rule: nothing that could be somebody's data is ever overwritten. A partition is made only where its first MiB is blank, or
where a marker of ours says that making it was cut short. LUKS's header is written last, so whoever sees it sees all of it.
"""

import os
import subprocess
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from safecount.errors import SafecountError

HEADER_BYTES = 1 << 20
MAPPED = Path("/dev/mapper/data")
MARKER = b"safecount: this partition is being made; nothing on it counts yet\n".ljust(512, b"\0")
LEAST_BYTES = 64 << 20
"""Room for a year of records, with what an update needs on its way."""
LUKS_MAGIC = b"LUKS\xba\xbe"
FIRST_BYTES = 4096
"""What is written last: LUKS2's first header block, with the magic."""
COMMAND_TIMEOUT_S = 120
NO_KEY = b"safecount: this board has no key of its own"
"""Opens the partition where the board holds no key. It is no secret: there, encryption keeps nobody from reading a stolen
card, but erasing still works, since the key that counts is in the header alone."""


class DataDiskError(SafecountError):
    """The data partition cannot be used; nothing on it was changed."""


IN_ORDER = (0, 1)
"""e2fsck(8): nothing was wrong, or all of it was put right."""


class State(Enum):
    """What a data partition is: ours, still to be made, or something that is not to be touched."""

    MADE = auto()
    BLANK = auto()
    FOREIGN = auto()


class Opened(Enum):
    """What had to be done for a data partition to be open."""

    AS_IT_WAS = auto()
    MENDED = auto()
    MADE = auto()


def state_of(first_mib: bytes) -> State:
    """Tell by a partition's first MiB what it is."""
    if first_mib.startswith(LUKS_MAGIC):
        return State.MADE
    if first_mib.startswith(MARKER) or not any(first_mib):
        return State.BLANK
    return State.FOREIGN


@dataclass(frozen=True, slots=True)
class DataDisk:
    """The data partition of a card.

    Attributes:
        disk: the whole card's device.
        number: of the data partition.
        mapped: the name that its open content gets below /dev/mapper.
        scratch: a folder in memory.
    """

    disk: Path
    number: int = 7
    mapped: str = "data"
    scratch: Path = Path("/run")

    @property
    def partition(self) -> Path:
        between = "p" if self.disk.name[-1].isdigit() else ""
        return self.disk.with_name(f"{self.disk.name}{between}{self.number}")

    def open(self, key: bytes | None) -> Opened:
        """Open the partition, after making it if it is blank, and see that its file system can be mounted.

        Args:
            key: of this board, or None where it has none.

        Returns:
            what was done to it: opened as it was, mended, or made.

        Raises:
            DataDiskError: it is neither blank nor ours, too small, damaged, or opened by another board's key.
        """
        state = state_of(self._first_mib())
        if state is State.FOREIGN:
            raise DataDiskError(
                f"The data partition {self.partition} holds something that safecount did not write, and was left alone; "
                "flash the card again if nothing on it is needed."
            )
        if state is State.BLANK:
            self._make(key or NO_KEY)
        self._cryptsetup("open", str(self.partition), self.mapped, key=key or NO_KEY)
        if state is State.BLANK:
            return Opened.MADE
        return Opened.MENDED if self._mend() else Opened.AS_IT_WAS

    def erase(self) -> None:
        """Make all that was ever stored unreadable, by overwriting the only copy of its key. The next start makes it anew."""
        with self.partition.open("r+b", buffering=0) as partition:
            _write(partition.fileno(), MARKER.ljust(HEADER_BYTES, b"\0"), 0)

    def _first_mib(self) -> bytes:
        try:
            with self.partition.open("rb") as partition:
                return partition.read(HEADER_BYTES)
        except OSError as error:
            raise DataDiskError(
                f"The data partition {self.partition} cannot be read ({error.strerror}); replace the card."
            ) from error

    def _make(self, key: bytes) -> None:
        self._grow()
        with self.partition.open("r+b", buffering=0) as partition:
            _write(partition.fileno(), MARKER, 0)
            header = self.scratch / "safecount-data-header"
            header.unlink(missing_ok=True)
            self._cryptsetup(
                # Adiantum, since a Pi up to the 4 has no AES instructions. The key is long and random, so hashing it
                # thousands of times would only cost time at every start. Sectors as small as the card's own: a cut in the
                # middle of a larger one leaves noise where SQLite and ext4 count on either the old bytes or the new ones.
                "luksFormat", "--batch-mode", "--type=luks2", f"--header={header}", "--cipher=xchacha12,aes-adiantum-plain64",
                "--key-size=256", "--sector-size=512", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--hash=sha256",
                "--luks2-metadata-size=16k", "--luks2-keyslots-size=512k", f"--offset={HEADER_BYTES // 512}",
                "--label=safecount-data", str(self.partition), key=key,
            )  # fmt: skip
            self._cryptsetup("open", f"--header={header}", str(self.partition), self.mapped, key=key)
            try:
                _run("mkfs.ext4", "-q", "-b", "4096", "-L", "safecount-data", "-m", "1", f"/dev/mapper/{self.mapped}")
            finally:
                _run("cryptsetup", "close", self.mapped)
            content = header.read_bytes()[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0")
            header.unlink()
            _write(partition.fileno(), content[FIRST_BYTES:], FIRST_BYTES)
            _write(partition.fileno(), content[:FIRST_BYTES], 0)

    def _mend(self) -> bool:
        """Bring the file system in order after a power cut; whether more was needed than its journal.

        The kernel replays a journal by itself, but only behind a superblock that is whole. That is written in place, and
        a cut may tear it: then e2fsck goes by one of its copies.
        """
        device = f"/dev/mapper/{self.mapped}"
        if _run("e2fsck", "-p", device, well=range(256)) in IN_ORDER:
            return False
        _run("e2fsck", "-f", "-y", device, well=IN_ORDER)
        return True

    def _grow(self) -> None:
        """Stretch the partition to the end of the card. Done again after a cut it changes nothing."""
        container = 4
        for number in (container, self.number):
            _run(
                "sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "-N", str(number), str(self.disk), text=", +\n"
            )
        _run("partx", "--update", "--nr", str(self.number), str(self.disk))
        with self.partition.open("rb") as partition:
            size = partition.seek(0, 2)
        if size < LEAST_BYTES:
            raise DataDiskError(
                f"The card leaves {size >> 20} MiB for data, less than {LEAST_BYTES >> 20}; use a card of 2 GB or more."
            )

    def _cryptsetup(self, *arguments: str, key: bytes) -> None:
        _run("cryptsetup", *arguments, "--key-file=-", text=key.hex())


def _write(descriptor: int, content: bytes, at: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, at)
        content, at = content[written:], at + written
    os.fsync(descriptor)


def _run(*command: str, text: str = "", well: Container[int] = (0,)) -> int:
    """Run a command on the card; gives its exit code, one of those that mean `well`."""
    try:
        done = subprocess.run(
            command, check=False, input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise DataDiskError(
            f"{command[0]} took longer than {COMMAND_TIMEOUT_S} s; the card may be worn out."
        ) from error
    if done.returncode not in well:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DataDiskError(f"{command[0]} failed on the data partition and said: {said}")
    return done.returncode
