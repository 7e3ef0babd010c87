"""Turns a record into the one envelope that will ever hold it: seals, chains, signs. There is no way back in this
package.

The keys come in as arguments and stay in memory. What a sealer returns must be stored before it is sent, with its link
in the same write (see `ports.Outbox`): an envelope is sealed once and never sealed again.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from safecount.wire.chain import Link, next_link
from safecount.wire.envelope import EnvelopeHeader, Kind, info_for, pack_envelope
from safecount.wire.keyset import Keyset, Recipient
from safecount.wire.record import encode_count, encode_health, pad_body
from safecount.wire.suite import SUITE, load_public_key
from safecount.wire.values import CountRecord, HealthRecord


@dataclass(frozen=True, slots=True)
class Sealed:
    """A finished envelope, and the link of the chain that it is."""

    raw: bytes
    link: Link


class Sealer:
    """Seals for the readers of one keyset, as one device.

    Remembers the loaded public keys of the keyset, at most eight.
    """

    def __init__(self, device: str, signing_key: Ed25519PrivateKey, keyset: Keyset) -> None:
        self._device = device
        self._signing_key = signing_key
        self._keyset = keyset
        self._public_keys = {one.public_key: load_public_key(one.public_key) for one in keyset.recipients}

    @property
    def keyset_serial(self) -> int:
        return self._keyset.serial

    def seal_count(self, record: CountRecord, last: Link, utc_s: int) -> Sealed:
        """The record for the readers of the time `utc_s`, next after `last`."""
        readers = self._keyset.readers_at(utc_s)
        header = self._header(Kind.COUNT, last, tuple(reader.key_id for reader in readers))
        body, info = pad_body(encode_count(record)), info_for(header)
        return self._finish(header, [SUITE.encrypt(body, self._public_key(reader), info=info) for reader in readers])

    def seal_health(self, record: HealthRecord, last: Link) -> Sealed:
        """The record for whoever runs the collector, next after `last`: signed, not encrypted."""
        return self._finish(self._header(Kind.HEALTH, last, ()), [pad_body(encode_health(record))])

    def _public_key(self, reader: Recipient) -> MLKEM768X25519PublicKey:
        return self._public_keys[reader.public_key]

    def _header(self, kind: Kind, last: Link, recipients: tuple[bytes, ...]) -> EnvelopeHeader:
        return EnvelopeHeader(kind, self._device, last.epoch, last.sequence + 1, last.digest, recipients)

    def _finish(self, header: EnvelopeHeader, contents: list[bytes]) -> Sealed:
        raw = pack_envelope(header, contents, self._signing_key)
        return Sealed(raw, next_link(header, raw))
