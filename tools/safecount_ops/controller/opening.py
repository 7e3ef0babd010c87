"""Opens sealed counts: from bytes in the archive to CountRecords, on all cores, going on where it stopped.

Each envelope's signature is checked once more before it is opened: the archive may have been edited since it was pulled.
What cannot be opened is kept as a refusal with its reason, and never becomes a count.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.wire.envelope import EnvelopeHeader, Kind, info_for, parse_envelope
from safecount.wire.errors import UntrustedInput
from safecount.wire.record import decode_count, unpad_body
from safecount.wire.suite import SUITE
from safecount.wire.values import CountRecord
from safecount_ops.controller.archive import Archive, Kept
from safecount_ops.controller.counts import Counts, Refusal
from safecount_ops.controller.keys import ReaderKey, reader_key

CHUNK = 512
"""Envelopes a task, and a transaction: what an interruption costs at most."""
QUEUED_CHUNKS = 3
"""Chunks that wait for each core: 6 MiB of envelopes, whatever the archive's size."""
WORTH_A_POOL = 4 * CHUNK


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope of the archive gave: a record, or why not. Neither for a health envelope."""

    kept: Kept
    record: CountRecord | None
    refusal: Refusal | None


def open_kept(
    kept: Kept, device_keys: Sequence[Ed25519PublicKey], reader_keys: Mapping[bytes, ReaderKey]
) -> tuple[CountRecord | None, Refusal | None]:
    """Verify and open one envelope of the archive."""
    try:
        claimed = parse_envelope(kept.untrusted)
        claimed.signed.verify_any(device_keys)
    except UntrustedInput:
        return None, Refusal.NOT_SIGNED
    header = claimed.header
    if (header.device, header.epoch, header.sequence) != (kept.device, kept.epoch, kept.sequence):
        return None, Refusal.OUT_OF_PLACE
    if header.kind is not Kind.COUNT:
        return None, None
    return _open_sealed(header, claimed.contents, reader_keys)


def _open_sealed(
    header: EnvelopeHeader, contents: Sequence[bytes], reader_keys: Mapping[bytes, ReaderKey]
) -> tuple[CountRecord | None, Refusal | None]:
    for name, sealed in zip(header.recipients, contents, strict=True):
        if (key := reader_keys.get(name)) is None:
            continue
        try:
            return decode_count(unpad_body(SUITE.decrypt(sealed, key.private_key, info=info_for(header)))), None
        except InvalidTag:
            return None, Refusal.NOT_OPENED
        except UntrustedInput:
            return None, Refusal.NO_RECORD
    return None, Refusal.NOT_FOR_US


def open_archive(
    archive: Archive, counts: Counts, keys: Sequence[ReaderKey], progress: Callable[[int, int], None], processes: int
) -> int:
    """Open what came since the last time, on `processes` cores; gives how many envelopes were looked at.

    Interrupted at any point it goes on where it stopped: a chunk's counts and the place are written in one
    transaction. Holds at most QUEUED_CHUNKS chunks a core.
    """
    done_before, last = counts.opened_up_to(), archive.last_number()
    to_do = last - done_before
    device_keys = {device: tuple(raw) for device, raw in _raw_keys(archive).items()}
    seeds = [key.seed for key in keys]
    done = 0
    pool = _pool(processes, seeds, device_keys) if to_do >= WORTH_A_POOL and processes > 1 else None
    if pool is None:
        _prepare(seeds, device_keys)
    with pool or nullcontext():
        waiting: list[Future[list[Opened]]] = []
        for after in range(done_before, last, CHUNK):
            kept = archive.as_they_came(after, min(after + CHUNK, last))
            waiting.append(pool.submit(_open_chunk, kept) if pool else _done(_open_chunk(kept)))
            if len(waiting) >= (QUEUED_CHUNKS * processes if pool else 1):
                done += _take(counts, waiting.pop(0).result(), progress, (done, to_do))
        for future in waiting:
            done += _take(counts, future.result(), progress, (done, to_do))
    return done


def _take(counts: Counts, opened: list[Opened], progress: Callable[[int, int], None], reached: tuple[int, int]) -> int:
    if opened:
        counts.take(
            [(one.kept, one.record) for one in opened if one.record is not None],
            [(one.kept, one.refusal) for one in opened if one.refusal is not None],
            opened[-1].kept.number,
        )
    progress(reached[0] + len(opened), reached[1])
    return len(opened)


def _raw_keys(archive: Archive) -> dict[str, list[bytes]]:
    keys: dict[str, list[bytes]] = {}
    for known in archive.known_keys():
        keys.setdefault(known.device, []).append(known.key)
    return keys


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a process opens with; made once in each."""

    readers: Mapping[bytes, ReaderKey]
    devices: Mapping[str, Sequence[Ed25519PublicKey]]


_mine: list[_Keys] = []


def _prepare(seeds: Sequence[bytes], devices: Mapping[str, Sequence[bytes]]) -> None:
    readers = {key.key_id: key for key in map(reader_key, seeds)}
    known = {device: [Ed25519PublicKey.from_public_bytes(raw) for raw in raws] for device, raws in devices.items()}
    _mine[:] = [_Keys(readers, known)]


def _open_chunk(chunk: Sequence[Kept]) -> list[Opened]:
    (keys,) = _mine
    return [Opened(kept, *open_kept(kept, keys.devices.get(kept.device, ()), keys.readers)) for kept in chunk]


def _pool(processes: int, seeds: Sequence[bytes], devices: Mapping[str, Sequence[bytes]]) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin_work, initargs=(seeds, devices)
    )


def _begin_work(seeds: Sequence[bytes], devices: Mapping[str, Sequence[bytes]]) -> None:
    Thread(target=_leave_with_the_parent, daemon=True).start()
    _prepare(seeds, devices)


def _leave_with_the_parent() -> None:
    """A parent that is killed tells its pool nothing, and the reader keys would stay in memory for good."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _done(result: list[Opened]) -> "Future[list[Opened]]":
    future: Future[list[Opened]] = Future()
    future.set_result(result)
    return future
