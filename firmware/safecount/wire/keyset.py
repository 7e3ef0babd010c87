"""The keyset: for whom a device seals, and whose receipts it believes. Signed by the controller's root key.

A keyset with a higher serial takes the place of one with a lower, never the other way round.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.cose import parse_sign1, sign1
from safecount.wire.encoding import Item, as_bytes, as_enum, as_fields, as_list, as_uint, decode, encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.suite import PUBLIC_KEY_BYTES, key_id, load_public_key
from safecount.wire.values import COUNT_LIMIT, UTC_MAX_S

KEYSET_TYPE = "safecount-keyset"
KEYSET_VERSION = 1
MAX_KEYSET_BYTES = 16 * 1024
MAX_KEYSET_RECIPIENTS = 8
MAX_COLLECTORS = 4
_KEYS = frozenset(range(1, 5))
_RECIPIENT_KEYS = frozenset(range(1, 5))


class Role(IntEnum):
    """Who a recipient is: the controller, or the one who keeps a second key in case the first is lost."""

    CONTROLLER = 1
    BACKUP = 2


@dataclass(frozen=True, slots=True)
class Recipient:
    """A reader's raw X-Wing public key (1216 bytes), and when (UTC seconds) it is to be used."""

    role: Role
    public_key: bytes
    not_before_s: int
    not_after_s: int

    @property
    def key_id(self) -> bytes:
        return key_id(self.public_key)


@dataclass(frozen=True, slots=True)
class Keyset:
    """Recipients (at least one controller) and the raw Ed25519 keys (32 bytes) that collectors sign receipts with."""

    serial: int
    recipients: tuple[Recipient, ...]
    collectors: tuple[bytes, ...]

    def readers_at(self, utc_s: int) -> tuple[Recipient, ...]:
        """Whom to seal for: the controller first, then the backup if there is one.

        Of each role the key valid at `utc_s` that became so last. Where none is valid the one that expired last serves,
        and else the one that comes first: a count sealed for a retired key may still be read, one not sealed is lost.
        """
        chosen = (self._reader_at(utc_s, role) for role in Role)
        return tuple(recipient for recipient in chosen if recipient is not None)

    def collector_keys(self) -> list[Ed25519PublicKey]:
        return [Ed25519PublicKey.from_public_bytes(key) for key in self.collectors]

    def _reader_at(self, utc_s: int, role: Role) -> Recipient | None:
        of_role = [recipient for recipient in self.recipients if recipient.role is role]
        begun = [recipient for recipient in of_role if recipient.not_before_s <= utc_s]
        valid = [recipient for recipient in begun if utc_s < recipient.not_after_s]
        if valid:
            return max(valid, key=lambda recipient: recipient.not_before_s)
        if begun:
            return max(begun, key=lambda recipient: recipient.not_after_s)
        return min(of_role, key=lambda recipient: recipient.not_before_s, default=None)


def sign_keyset(keyset: Keyset, root: Ed25519PrivateKey) -> bytes:
    """The keyset as bytes, signed with the controller's root key."""
    recipients: Sequence[Item] = [
        {1: int(one.role), 2: one.public_key, 3: one.not_before_s, 4: one.not_after_s} for one in keyset.recipients
    ]
    payload = encode({1: KEYSET_VERSION, 2: keyset.serial, 3: list(recipients), 4: list(keyset.collectors)})
    return sign1(KEYSET_TYPE, payload, root)


def verify_keyset(untrusted: bytes, roots: Iterable[Ed25519PublicKey], *, newer_than: int = 0) -> Keyset:
    """The keyset, once one of `roots` is known to have signed it and its serial is above `newer_than`.

    Raises:
        UntrustedInput: STALE for a serial that is not above, or any of the reasons 1 to 7.
    """
    payload = parse_sign1(untrusted, KEYSET_TYPE, MAX_KEYSET_BYTES).verify_any(roots)
    fields = as_fields(decode(payload, MAX_KEYSET_BYTES), _KEYS)
    if as_uint(fields[1]) != KEYSET_VERSION:
        raise UntrustedInput(Reason.UNSUPPORTED_VERSION, f"The keyset is not of version {KEYSET_VERSION}.")
    keyset = Keyset(
        serial=as_uint(fields[2], COUNT_LIMIT),
        recipients=tuple(_parse_recipient(item) for item in as_list(fields[3], 1, MAX_KEYSET_RECIPIENTS)),
        collectors=tuple(as_bytes(item, 32, 32) for item in as_list(fields[4], 1, MAX_COLLECTORS)),
    )
    if keyset.serial <= newer_than:
        raise UntrustedInput(Reason.STALE, f"The keyset has serial {keyset.serial}; one above {newer_than} is needed.")
    if all(recipient.role is not Role.CONTROLLER for recipient in keyset.recipients):
        raise UntrustedInput(Reason.BAD_FIELD, "The keyset names no controller.")
    if len({recipient.public_key for recipient in keyset.recipients}) != len(keyset.recipients):
        raise UntrustedInput(Reason.BAD_FIELD, "The keyset names one key twice.")
    return keyset


def _parse_recipient(item: Item) -> Recipient:
    fields = as_fields(item, _RECIPIENT_KEYS)
    public_key = as_bytes(fields[2], PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)
    load_public_key(public_key)
    not_before_s, not_after_s = as_uint(fields[3], UTC_MAX_S), as_uint(fields[4], UTC_MAX_S)
    if not_before_s >= not_after_s:
        raise UntrustedInput(Reason.BAD_FIELD, "A recipient's key ends before it begins.")
    return Recipient(as_enum(fields[1], Role), public_key, not_before_s, not_after_s)
