"""Puts a bundle together from what the device has and what the server gives.

The half-made file is its own memory: at each start its blocks are compared with the index, so a broken download goes on
from wherever it was, and what a damaged disk changed is fetched again. The running slot serves as a source: between two
releases most blocks stay the same. Nothing is believed until the digest of the whole file is the listed one.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path

from safecount.edges.web import BrokenConnection, NoSuchFile, Web
from safecount.updating.ports import Refused
from safecount.wire.block_index import BLOCK, BlockIndex, block_hash, runs
from safecount.wire.release import Release
from safecount.wire.update_state import Refusal

KEEP_FREE_BYTES = 64 * 1024 * 1024
"""What a download leaves to the spool."""
READABLE_BY_RAUC = 0o640
"""RAUC's service is in our group, and root without the right to read what it may not."""
NEARER_THAN = 16
"""Blocks between two parts that are fetched with them: 64 KiB cost less than another question."""
TRIES_WITHOUT_PROGRESS = 5
_SIGNATURE_MAX = 64 * 1024
_ZEROS = bytes(BLOCK)
_HASH_OF_ZEROS = block_hash(_ZEROS)


@dataclass(frozen=True, slots=True)
class Source:
    """A file or device to find blocks in, and where its blocks begin."""

    path: Path
    start: int = 0


@dataclass(slots=True)
class BundleDownload:
    """One bundle on its way into `path`, which is as long as it will be from the start."""

    web: Web
    url: str
    release: Release
    index: BlockIndex
    path: Path
    sources: Sequence[Source] = ()
    keep_free: int = KEEP_FREE_BYTES
    limit_bytes: int | None = None
    _missing: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Make the file complete, on disk, and checked. Refused otherwise; what was fetched stays for the next time."""
        try:
            self._make_room()
            with self.path.open("r+b") as file:
                self._missing = list(self._not_in(file))
                self._take_from_sources(file)
                self._check_cost()
                self._fetch(file)
                file.flush()
                os.fsync(file.fileno())
                self._check(file)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise Refused(Refusal.DISK_FULL, "The data partition became full during a download.") from error

    def _make_room(self) -> None:
        """RAUC makes a bundle its own before it believes it. One that it then refused, or was cut off from, is begun anew:
        most of its blocks lie in the slots.
        """
        if self.path.exists() and (self.path.stat().st_uid != os.geteuid() or not os.access(self.path, os.W_OK)):
            self.path.unlink()
        self.path.touch()
        self.path.chmod(READABLE_BY_RAUC)  # whatever the umask is
        has = self.path.stat().st_blocks * 512
        if shutil.disk_usage(self.path.parent).free < self.release.length - has + self.keep_free:
            raise Refused(Refusal.DISK_FULL, f"There is no room for a bundle of {self.release.length} bytes.")
        os.truncate(self.path, self.release.length)

    def _not_in(self, file: BufferedRandom) -> Iterator[int]:
        for number, expected in enumerate(self.index.hashes):
            start, end = self.index.span(number)
            file.seek(start)
            block = file.read(end - start)
            # What was not written yet reads as zeros, and is not worth hashing.
            if (_HASH_OF_ZEROS if block == _ZEROS else block_hash(block)) != expected:
                yield number

    def _take_from_sources(self, file: BufferedRandom) -> None:
        wanted: dict[bytes, list[int]] = {}
        for number in self._missing:
            wanted.setdefault(self.index.hashes[number], []).append(number)
        for source in self.sources:
            with suppress(OSError), source.path.open("rb") as stream:  # a source that fails is none
                stream.seek(source.start)
                while wanted and (block := stream.read(BLOCK)):
                    for number in wanted.pop(block_hash(block), ()):
                        self._put(file, number, block)
        self._missing = sorted(number for numbers in wanted.values() for number in numbers)

    def _put(self, file: BufferedRandom, number: int, block: bytes) -> None:
        file.seek(self.index.span(number)[0])
        file.write(block)

    def _check_cost(self) -> None:
        cost = len(self._missing) * BLOCK
        if self.limit_bytes is not None and cost > self.limit_bytes:
            raise Refused(Refusal.TOO_LONG, f"The release needs {cost} bytes, more than the metered line may carry.")

    def _fetch(self, file: BufferedRandom) -> None:
        tries = 0
        while self._missing and tries < TRIES_WITHOUT_PROGRESS:
            before = len(self._missing)
            first, last = next(runs(self._missing, NEARER_THAN))
            try:
                self._fetch_run(file, first, last)
            except BrokenConnection:
                if tries + 1 == TRIES_WITHOUT_PROGRESS:
                    raise
            except NoSuchFile as error:
                raise Refused(Refusal.BAD_ANSWER, f"{self.url} is listed and not there.") from error
            tries = 0 if len(self._missing) < before else tries + 1
        if self._missing:
            raise Refused(Refusal.BAD_ANSWER, f"{self.url} is shorter than is listed.")

    def _fetch_run(self, file: BufferedRandom, first: int, last: int) -> None:
        start, end = self.index.span(first)[0], self.index.span(last)[1]
        waiting, number, done = b"", -1, set[int]()
        try:
            for at, piece in self.web.get(self.url, self.release.length, f"bytes={start}-{end - 1}"):
                number = self._block_at(at) if number < 0 else number
                waiting += piece
                number, waiting = self._take(file, number, waiting, done)
        finally:
            self._missing = [one for one in self._missing if one not in done]

    def _block_at(self, at: int) -> int:
        if at != 0 and (at - self.index.head) % BLOCK:
            raise Refused(Refusal.BAD_ANSWER, f"{self.url} is answered with another part than was asked for.")
        return 0 if at == 0 else 1 + (at - self.index.head) // BLOCK

    def _take(self, file: BufferedRandom, number: int, waiting: bytes, done: set[int]) -> tuple[int, bytes]:
        """Write the whole blocks among the bytes that came; the next block's number, and what is there of it."""
        used = 0
        while number < len(self.index.hashes):
            start, end = self.index.span(number)
            block = waiting[used : used + end - start]
            if len(block) < end - start:
                break
            if block_hash(block) != self.index.hashes[number]:
                raise self._other_bytes()
            self._put(file, number, block)
            done.add(number)
            number, used = number + 1, used + len(block)
        return number, waiting[used:]

    def _check(self, file: BufferedRandom) -> None:
        file.seek(0)
        if hashlib.file_digest(file, "sha256").digest() != self.release.digest:
            raise self._other_bytes()

    def _other_bytes(self) -> Refused:
        """Whether it is another bundle, or the listed one with other bytes, tells the signature at its end."""
        tail = b""
        with suppress(Refused, NoSuchFile):
            for at, piece in self.web.get(
                self.url, 2 * self.release.length + _SIGNATURE_MAX, f"bytes=-{_SIGNATURE_MAX}"
            ):
                del at
                tail = (tail + piece)[-_SIGNATURE_MAX:]
        if signature_digest(tail) == self.release.signature:
            return Refused(Refusal.TAMPERED, f"{self.url} is the listed bundle with other bytes.")
        return Refused(Refusal.NOT_LISTED, f"{self.url} is another bundle than the listed one.")


def signature_digest(tail: bytes) -> bytes:
    """SHA-256 of a RAUC bundle's signature: the last 8 bytes tell its length (RAUC manual, "Bundle Formats")."""
    length = int.from_bytes(tail[-8:], "big")
    return hashlib.sha256(tail[-8 - length : -8] if 0 < length <= len(tail) - 8 else b"").digest()
