"""Fetches what the archive lacks, and believes nothing: each envelope is verified before it is kept.

An interrupted pull goes on where it stopped, since what is asked for is computed from what is kept. The last envelope
of a chain is asked for once more each time: a collector that has put another in its place shows itself.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.errors import SafecountError
from safecount.wire.envelope import Envelope, parse_envelope, verify_envelope
from safecount.wire.errors import UntrustedInput
from safecount.wire.pull import MAX_PAGE, DeviceChains, Directory, Page, Reach
from safecount_ops.controller.archive import Archive, Finding, Misdeed

MAX_DEVICES = 200_000
LEAST_FREE_BYTES = 1 << 30


class Source(Protocol):
    """A collector's pull API."""

    def directory(self, after: str | None) -> Directory:
        """One page of the devices after a name."""

    def page(self, device: str, epoch: int, after: int, limit: int) -> Page:
        """Envelopes of a chain after a sequence, still untrusted."""


@dataclass(slots=True)
class Pulled:
    """What one pull came to."""

    devices: int = 0
    envelopes: int = 0
    new_keys: list[tuple[str, bytes]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which chain; empty for what concerns none."""

    device: str = ""
    epoch: int = 0
    sequence: int = 0


class _Lie(Exception):  # noqa: N818 - it names what came
    """Ends the talk about one chain."""


Progress = Callable[[int, int], None]
"""Called with how many envelopes have come, and how many the collector has said that there are to come."""


def pull(
    source: Source,
    archive: Archive,
    folder: Path,
    now_s: int,
    progress: Progress,
    *,
    least_free_bytes: int = LEAST_FREE_BYTES,
    accept_removed: bool = False,
) -> Pulled:
    """Fetch all that is missing, while at least `least_free_bytes` are free at `folder`, where the archive lies.

    `accept_removed`: believe a collector that says it has removed by age what was never fetched here, as for an archive
    that is begun anew; else that is a finding.

    Raises:
        SafecountError: the collector cannot be reached, the disk is nearly full, or the list of devices has no end.
    """

    def room() -> None:
        if shutil.disk_usage(folder).free < least_free_bytes:
            raise SafecountError(
                f"Less than {least_free_bytes >> 20} MiB are free at {folder}: make room, and pull again."
            )

    return _Pull(source, archive, room, now_s, progress, accept_removed=accept_removed).run()


class _Pull:
    """One pull; remembers what it came to, and the list of devices while it runs (bounded by MAX_DEVICES)."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        room: Callable[[], None],
        now_s: int,
        progress: Progress,
        *,
        accept_removed: bool,
    ) -> None:
        self._source = source
        self._archive = archive
        self._room = room
        self._now_s = now_s
        self._progress = progress
        self._accept_removed = accept_removed
        self._done = Pulled()
        self._to_come = 0

    def run(self) -> Pulled:
        entries = list(self._entries())
        named = {entry.device for entry in entries}
        for known in {key.device for key in self._archive.known_keys()} - named:
            self._note(Misdeed.VANISHED, _Place(known), "the device had sent envelopes before")
        wanted = [(entry, reach) for entry in entries for reach in entry.chains]
        self._to_come = sum(
            last - first + 1
            for entry, reach in wanted
            for first, last in self._archive.gaps(entry.device, reach.epoch, reach.last_sequence)
        )
        self._done.devices = len(named)
        for entry, reach in wanted:
            try:
                self._chain(entry, reach)
            except _Lie:
                continue
        return self._done

    def _entries(self) -> Iterator[DeviceChains]:
        """The collector's devices with their keys, which are taken note of; those that were forgotten here are left out."""
        last, seen, forgotten = None, 0, {one.device for one in self._archive.forgotten()}
        while True:
            try:
                directory = self._source.directory(last)
            except UntrustedInput as error:
                self._note(Misdeed.UNREADABLE, _Place(), str(error))
                return
            for entry in directory.devices:
                seen += 1
                if seen > MAX_DEVICES or (last is not None and entry.device.encode() < last.encode()):
                    raise SafecountError("The collector's list of devices has no order or no end: nothing was pulled.")
                last = entry.device
                if entry.device in forgotten:
                    self._done.left_out.add(entry.device)
                    continue
                if self._archive.learn(entry.device, entry.key, self._now_s):
                    self._done.new_keys.append((entry.device, entry.key))
                yield entry
            if not directory.more or not directory.devices:
                return

    def _chain(self, entry: DeviceChains, reach: Reach) -> None:
        device, epoch = entry.device, reach.epoch
        key = Ed25519PublicKey.from_public_bytes(entry.key)
        said = self._archive.claim(device, epoch, reach.last_sequence, self._now_s)
        if reach.last_sequence < said:
            self._note(
                Misdeed.WITHDRAWN,
                _Place(device, epoch, reach.last_sequence),
                f"now up to {reach.last_sequence}, before {said}",
            )
        self._check_removed(device, reach)
        gaps = self._archive.gaps(device, epoch, reach.last_sequence)
        for first, last in gaps:
            self._run_of(device, epoch, key, first, last)
        if not gaps and reach.last_sequence:
            self._compare_last(device, epoch, key, reach.last_sequence)
        if self._lacks(device, epoch, reach.last_sequence) and reach.last_sequence > reach.removed_to:
            self._note(
                Misdeed.WITHHELD,
                _Place(device, epoch, reach.last_sequence),
                f"says that the chain goes to {reach.last_sequence}",
            )

    def _check_removed(self, device: str, reach: Reach) -> None:
        """An honest collector removes only what a controller has fetched: what it says it removed must be kept here."""
        lacking = reach.removed - self._archive.kept_up_to(device, reach.epoch, reach.removed_to)
        if lacking > 0 and self._accept_removed:
            self._archive.accept_removed(device, reach.epoch, reach.removed_to, self._now_s)
        elif lacking > 0:
            place = _Place(device, reach.epoch, reach.removed_to)
            self._note(Misdeed.REMOVED, place, f"at least {lacking} envelopes of those up to {reach.removed_to}")

    def _lacks(self, device: str, epoch: int, sequence: int) -> bool:
        removed = self._archive.removed(device, epoch)
        gone = removed is not None and sequence <= removed.up_to
        return not gone and self._archive.raw(device, epoch, sequence) is None

    def _run_of(self, device: str, epoch: int, key: Ed25519PublicKey, first: int, last: int) -> None:
        """Ask for a run of missing envelopes, with the one before it once more."""
        after = max(0, first - 2)
        while after < last:
            envelopes, more = self._ask(device, epoch, key, after, min(MAX_PAGE, last - after))
            new = [one for one in envelopes if first <= one.header.sequence <= last]
            self._archive.keep(new, self._now_s)
            self._done.envelopes += len(new)
            self._progress(self._done.envelopes, self._to_come)
            if not envelopes or not more:
                return
            after = envelopes[-1].header.sequence

    def _compare_last(self, device: str, epoch: int, key: Ed25519PublicKey, last: int) -> None:
        self._ask(device, epoch, key, last - 1, 1)

    def _ask(
        self, device: str, epoch: int, key: Ed25519PublicKey, after: int, limit: int
    ) -> tuple[list[Envelope], bool]:
        """One page, verified and in order; anything else is noted and ends the talk about this chain."""
        self._room()
        try:
            page = self._source.page(device, epoch, after, limit)
        except UntrustedInput as error:
            self._note(Misdeed.UNREADABLE, _Place(device, epoch, after), str(error))
            raise _Lie from error
        verified: list[Envelope] = []
        before = after
        for untrusted in page.envelopes:
            envelope = self._verified(device, epoch, key, untrusted, before)
            before = envelope.header.sequence
            verified.append(envelope)
        if len(verified) > limit:
            self._note(Misdeed.UNREADABLE, _Place(device, epoch, after), f"{len(verified)} envelopes for {limit} asked")
            raise _Lie
        return verified, page.more

    def _verified(self, device: str, epoch: int, key: Ed25519PublicKey, untrusted: bytes, before: int) -> Envelope:
        try:
            envelope = verify_envelope(parse_envelope(untrusted), key)
        except UntrustedInput as error:
            self._note(Misdeed.FORGED, _Place(device, epoch, before + 1), str(error), untrusted)
            raise _Lie from error
        header = envelope.header
        if (header.device, header.epoch) != (device, epoch):
            self._note(
                Misdeed.FOREIGN, _Place(device, epoch, before + 1), f"of {header.device}/{header.epoch}", untrusted
            )
            raise _Lie
        if header.sequence <= before:
            self._note(
                Misdeed.OUT_OF_ORDER,
                _Place(device, epoch, header.sequence),
                f"{header.sequence} after {before}",
                untrusted,
            )
            raise _Lie
        kept = self._archive.raw(device, epoch, header.sequence)
        if kept is not None and kept != untrusted:
            text = f"SHA-256 {sha256(untrusted).hexdigest()}, kept {sha256(kept).hexdigest()}"
            self._note(Misdeed.FORK, _Place(device, epoch, header.sequence), text, untrusted)
            raise _Lie
        return envelope

    def _note(self, misdeed: Misdeed, place: _Place, text: str, raw: bytes | None = None) -> None:
        finding = Finding(misdeed, place.device, place.epoch, place.sequence, self._now_s, text, raw)
        self._archive.note(finding)
        self._done.findings.append(finding)
