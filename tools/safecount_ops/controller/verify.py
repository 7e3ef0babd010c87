"""Checks the archive offline, with nothing but the envelopes and the devices' keys: what was removed, edited,
reordered, replayed, forked.

Pure over what the archive holds; decides nothing about the contents, which it cannot read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.wire.chain import Link, next_link, start_of
from safecount.wire.envelope import EnvelopeHeader, parse_envelope
from safecount.wire.errors import UntrustedInput
from safecount_ops.controller.archive import Archive, Chain, Finding, Forgotten, Kept, KnownKey, Removed

MAX_FLAWS = 1000


class Flaw(Enum):
    """What can be wrong with a kept chain. The texts are read by people."""

    REMOVED = "missing"
    EDITED = "changed after the device signed it"
    REORDERED = "kept in another place than its own"
    FORKED = "does not follow the envelope before it, though the device signed both"


@dataclass(frozen=True, slots=True)
class Fault:
    """A flaw at the sequences from `first` to `last` of a chain."""

    flaw: Flaw
    device: str
    epoch: int
    first: int
    last: int

    def text(self) -> str:
        place = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.device}, epoch {self.epoch}, envelope {place}: {self.flaw.value}."


@dataclass(frozen=True, slots=True)
class Statement:
    """What the archive proves. `last_claimed` are chains of which the collector has said that it has more."""

    envelopes: int
    chains: tuple[Chain, ...]
    keys: tuple[KnownKey, ...]
    faults: tuple[Fault, ...]
    faults_left_out: int
    findings: tuple[Finding, ...]
    findings_left_out: int
    removed: tuple[Removed, ...]
    forgotten: tuple[Forgotten, ...]

    @property
    def whole(self) -> bool:
        """Nothing is missing, changed, forked or withheld, as far as envelopes can tell."""
        return not self.faults and not self.findings and all(chain.last >= chain.claimed for chain in self.chains)


def verify(archive: Archive, progress: Callable[[int], None]) -> Statement:
    """Check every chain; `progress` is called with the number of envelopes checked so far."""
    chains, keys = archive.chains(), archive.known_keys()
    faults: list[Fault] = []
    removed: list[Removed] = []
    left_out = checked = 0
    for chain in chains:
        known = [Ed25519PublicKey.from_public_bytes(key.key) for key in keys if key.device == chain.device]
        gone = archive.removed(chain.device, chain.epoch)
        if gone is not None:
            removed.append(gone)
        kept = archive.in_chain_order(chain.device, chain.epoch)
        for fault, seen in check_chain(chain.device, chain.epoch, kept, known, gone):
            checked += seen
            progress(checked)
            if fault is not None and len(faults) < MAX_FLAWS:
                faults.append(fault)
            elif fault is not None:
                left_out += 1
    return Statement(
        checked,
        tuple(chains),
        tuple(keys),
        tuple(faults),
        left_out,
        tuple(archive.findings()),
        archive.findings_left_out(),
        tuple(removed),
        tuple(archive.forgotten()),
    )


def check_chain(
    device: str,
    epoch: int,
    kept: Iterator[Kept],
    keys: Sequence[Ed25519PublicKey],
    removed: Removed | None = None,
) -> Iterator[tuple[Fault | None, int]]:
    """Faults of one chain as they are found, each with 1 where it has been an envelope (0 for a gap before one).

    An envelope that was edited, or is in another's place, counts as the link of its own number: the next one shows
    whether it stood there before. What was `removed` on purpose is no fault, and the first one behind it must follow it.
    """
    last: Link | None = start_of(epoch)
    before, gone_to = 0, 0 if removed is None else removed.up_to
    for one in kept:
        if before < gone_to < one.sequence:
            before, last = gone_to, _link_of(removed)
        if one.sequence > before + 1:
            if one.sequence > gone_to:
                yield Fault(Flaw.REMOVED, device, epoch, before + 1, one.sequence - 1), 0
            last = None
        header = _signed_header(one.untrusted, keys)
        if header is None:
            yield Fault(Flaw.EDITED, device, epoch, one.sequence, one.sequence), 1
            last = None
        elif (header.device, header.epoch, header.sequence) != (device, epoch, one.sequence):
            yield Fault(Flaw.REORDERED, device, epoch, one.sequence, one.sequence), 1
            last = None
        elif last is not None and header.previous != last.digest:
            yield Fault(Flaw.FORKED, device, epoch, one.sequence, one.sequence), 1
            last = next_link(header, one.untrusted)
        else:
            yield None, 1
            last = next_link(header, one.untrusted)
        before = one.sequence


def _link_of(removed: Removed | None) -> Link | None:
    """What the next envelope must follow, where it is known."""
    if removed is None or removed.digest is None:
        return None
    return Link(removed.epoch, removed.up_to, removed.digest)


def _signed_header(untrusted: bytes, keys: Sequence[Ed25519PublicKey]) -> EnvelopeHeader | None:
    try:
        claimed = parse_envelope(untrusted)
        claimed.signed.verify_any(keys)
    except UntrustedInput:
        return None
    return claimed.header


def fingerprint(key: bytes) -> str:
    """A device's key as people compare it: the first 16 bytes of its SHA-256, in groups of four hex digits."""
    text = sha256(key).hexdigest()[:32]
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
