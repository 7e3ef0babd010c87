"""The index of a bundle's blocks, by which a device fetches only those that it does not have. Pure.

A bundle is cut into a first block of `head` bytes, blocks of 4096 bytes, and what is left over; for each block the index
holds the first 8 bytes of its SHA-256. They only tell which blocks to fetch: what counts is the digest of the whole
bundle. `head` brings the cuts to where the file systems inside the bundle have theirs. Form: docs/formats.md.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safecount.wire.errors import Reason, UntrustedInput

BLOCK = 4096
HASH_BYTES = 8
INDEX_SUFFIX = ".blocks"
_MAGIC = b"SCBLOCK1"
_HEADER = len(_MAGIC) + 4


@dataclass(frozen=True, slots=True)
class BlockIndex:
    """`hashes` has one entry for each block of a bundle of `length` bytes."""

    head: int
    length: int
    hashes: tuple[bytes, ...]

    def span(self, number: int) -> tuple[int, int]:
        """From where to where a block lies in the bundle."""
        if number == 0:
            return 0, min(self.head, self.length)
        start = self.head + (number - 1) * BLOCK
        return start, min(start + BLOCK, self.length)


def block_hash(block: bytes) -> bytes:
    """The name of a block in an index."""
    return hashlib.sha256(block).digest()[:HASH_BYTES]


def count_blocks(length: int, head: int) -> int:
    """How many blocks a bundle of `length` bytes has."""
    return 1 + -(-max(0, length - head) // BLOCK)


def encode_index(head: int, blocks: Iterator[bytes]) -> bytes:
    """The index of blocks that were cut as the module says."""
    return _MAGIC + head.to_bytes(4, "big") + b"".join(map(block_hash, blocks))


def parse_index(untrusted: bytes, length: int) -> BlockIndex:
    """The index of a bundle of `length` bytes; UntrustedInput if it is none."""
    head = int.from_bytes(untrusted[len(_MAGIC) : _HEADER], "big")
    names = untrusted[_HEADER:]
    if not untrusted.startswith(_MAGIC) or not 0 < head <= BLOCK:
        raise UntrustedInput(Reason.MALFORMED, "The index of blocks does not begin as one.")
    if len(names) != HASH_BYTES * count_blocks(length, head):
        raise UntrustedInput(Reason.MALFORMED, f"The index of blocks is not that of a bundle of {length} bytes.")
    hashes = tuple(names[at : at + HASH_BYTES] for at in range(0, len(names), HASH_BYTES))
    return BlockIndex(head, length, hashes)


def runs(missing: Sequence[int], nearer_than: int) -> Iterator[tuple[int, int]]:
    """Rising block numbers joined into runs (first, last), over gaps of fewer than `nearer_than` blocks."""
    first = last = -1
    for number in missing:
        if first >= 0 and number - last <= nearer_than:
            last = number
            continue
        if first >= 0:
            yield first, last
        first = last = number
    if first >= 0:
        yield first, last
