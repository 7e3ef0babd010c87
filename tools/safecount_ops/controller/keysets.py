"""What the next keyset is: pure decisions over the last one, and the files that keep all of them.

A keyset names who reads (with from when to when) and whose receipts devices believe. Serials rise by one; devices never
go back to a lower one.
"""

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.errors import SafecountError, UsageError
from safecount.wire.errors import UntrustedInput
from safecount.wire.keyset import (
    MAX_COLLECTORS,
    MAX_KEYSET_BYTES,
    MAX_KEYSET_RECIPIENTS,
    Keyset,
    Recipient,
    Role,
    sign_keyset,
    verify_keyset,
)
from safecount_ops.controller.home import Home, write_private

DAY_S = 86_400
VALID_S = 730 * DAY_S
"""Two years: a device whose keyset has run out seals on for the same key, and says so in its health record."""
OVERLAP_S = 60 * DAY_S
"""How long a replaced key stays valid, for devices that have not heard of the new one."""


def first(reader: bytes, backup: bytes | None, collector: bytes, now_s: int) -> Keyset:
    """Serial 1: valid from a day ago, since a device's clock may be behind."""
    recipients = [Recipient(Role.CONTROLLER, reader, now_s - DAY_S, now_s + VALID_S)]
    if backup is not None:
        recipients.append(Recipient(Role.BACKUP, backup, now_s - DAY_S, now_s + VALID_S))
    return Keyset(1, tuple(recipients), (collector,))


def renewed(last: Keyset, now_s: int) -> Keyset:
    """The same keys, valid for two years more: all of them but those that were replaced and have run out."""
    current = set(last.readers_at(now_s))
    kept = [
        replace(one, not_after_s=max(one.not_after_s, now_s + VALID_S)) if one in current else one
        for one in last.recipients
        if one in current or one.not_after_s > now_s
    ]
    return replace(last, serial=last.serial + 1, recipients=tuple(kept))


def rotated(last: Keyset, role: Role, public_key: bytes, now_s: int, from_s: int) -> Keyset:
    """A new key for `role` from `from_s` on; the one it replaces ends OVERLAP_S after that at the latest.

    Raises:
        UsageError: the key is in the keyset already, or there are too many keys that still hold.
    """
    if any(one.public_key == public_key for one in last.recipients):
        raise UsageError("The keyset names this key already.")
    current = set(last.readers_at(now_s))  # a key that has run out and serves on is kept until another is in use
    kept = [
        replace(one, not_after_s=min(one.not_after_s, max(from_s + OVERLAP_S, one.not_before_s + 1)))
        if one.role is role
        else one
        for one in last.recipients
        if one in current or one.not_after_s > now_s
    ]
    if len(kept) >= MAX_KEYSET_RECIPIENTS:
        raise UsageError(f"A keyset holds {MAX_KEYSET_RECIPIENTS} keys; wait until one of the old ones has run out.")
    new = Recipient(role, public_key, from_s, from_s + VALID_S)
    return replace(last, serial=last.serial + 1, recipients=(*kept, new))


def with_collector(last: Keyset, key: bytes) -> Keyset:
    """One more collector whose receipts are believed; UsageError for one too many, or one that is there."""
    if key in last.collectors or len(last.collectors) >= MAX_COLLECTORS:
        raise UsageError(f"The keyset names this collector already, or has {MAX_COLLECTORS} of them.")
    return replace(last, serial=last.serial + 1, collectors=(*last.collectors, key))


def without_collector(last: Keyset, key: bytes) -> Keyset:
    """One collector less; UsageError if it is not named, or is the only one."""
    left = tuple(one for one in last.collectors if one != key)
    if len(left) == len(last.collectors) or not left:
        raise UsageError("The keyset does not name this collector, or names no other.")
    return replace(last, serial=last.serial + 1, collectors=left)


def store(home: Home, keyset: Keyset, root: Ed25519PrivateKey) -> Path:
    """Sign a keyset, check it as a device will, and keep it."""
    signed = sign_keyset(keyset, root)
    verify_keyset(signed, [root.public_key()], newer_than=keyset.serial - 1)
    path = home.keysets / f"{keyset.serial:06d}.keyset"
    write_private(path, signed)
    return path


def latest(home: Home, root: Ed25519PublicKey) -> tuple[Keyset, bytes]:
    """The keyset with the highest serial, and its bytes.

    Raises:
        SafecountError: there is none, or it is not signed with the root key.
    """
    files = sorted(home.keysets.glob("*.keyset"))
    if not files:
        raise SafecountError(f"There is no keyset in {home.keysets}.")
    try:
        with files[-1].open("rb") as file:
            raw = file.read(MAX_KEYSET_BYTES + 1)
        return verify_keyset(raw, [root]), raw
    except (OSError, UntrustedInput) as error:
        raise SafecountError(f"The keyset {files[-1]} cannot be used: {error}") from error
