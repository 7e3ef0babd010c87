"""Who may bring and who may fetch: tenants, their devices, tokens and keysets."""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, func, select

from safecount.errors import UsageError
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import verify_keyset
from safecount.wire.values import DEVICE_MAX_BYTES
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.tables import device, keyset, reset_order, tenant, token

DEFAULT_TENANT = "default"
TOKEN_DAYS = 365
PULL, METRICS = "pull", "metrics"
"""What a token is for."""
_TOKEN_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class Device:
    """A device as it is registered: who it belongs to and the raw Ed25519 key (32 bytes) that it signs with. `reset` is the
    signed order to forget its owner, b"" for none.
    """

    number: int
    name: str
    tenant: str
    key: bytes
    active: bool
    reset: bytes = b""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token lets in: its name, and the one tenant that it sees."""

    name: str
    tenant: str


def checked_name(name: str, what: str, longest: int = _NAME_MAX) -> str:
    """`name`, if a person, a file and an address can all hold it; UsageError otherwise."""
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise UsageError(
            f"The name {name!r} of a {what} must be of letters, digits, '.', '_' and '-', begin with a letter or digit, "
            f"and have at most {longest} characters."
        )
    return name


class Registry:
    """Reads and changes who is known. Each change is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_tenant(self, name: str, root_key: bytes | None, now_s: int) -> None:
        """Make a tenant, or pin the root key (raw Ed25519) of one that has none yet; a pinned one never changes."""
        checked_name(name, "tenant")
        with self._database.writing() as connection:
            self._database.lock(connection, "registry")
            row = connection.execute(select(tenant.c.root_key).where(tenant.c.name == name)).one_or_none()
            if row is None:
                connection.execute(tenant.insert().values(name=name, root_key=root_key, added_at=now_s))
            elif root_key is not None and row.root_key not in {None, root_key}:
                raise UsageError(f"The tenant {name} has another root key pinned; it is never changed.")
            elif root_key is not None:
                connection.execute(tenant.update().where(tenant.c.name == name).values(root_key=root_key))

    def add_device(self, name: str, tenant_name: str, key: bytes, now_s: int) -> None:
        """Let a device in, or an enrolled one again with a new key. It stays with the tenant that it first had.

        Raises:
            UsageError: a name or key that is none, no such tenant, or a name that another tenant has.
        """
        checked_name(name, "device", DEVICE_MAX_BYTES)
        _check_key(key)
        with self._database.writing() as connection:
            self._database.lock(connection, "registry")
            _known_tenant(connection, tenant_name)
            row = connection.execute(select(device.c.tenant).where(device.c.name == name)).one_or_none()
            if row is None:
                values = {"name": name, "tenant": tenant_name, "key": key, "active": True, "added_at": now_s}
                connection.execute(device.insert().values(values))
            elif row.tenant != tenant_name:
                raise UsageError(f"The name {name} is taken; give the device another one.")
            else:
                connection.execute(device.update().where(device.c.name == name).values(key=key, active=True))

    def set_active(self, name: str, now_s: int, who: str, *, active: bool) -> None:
        """Turn a device away from now on, or let it in again."""
        with self._database.writing() as connection:
            changed = device.update().where(device.c.name == name).values(active=active).returning(device.c.tenant)
            owner = connection.execute(changed).scalar_one_or_none()
            if owner is None:
                raise UsageError(f"There is no device {name} here.")
            act = "let-in" if active else "turn-away"
            audit.append(self._database, connection, audit.Act(now_s, who, act, name, owner))

    def order_reset(self, name: str, order: bytes, now_s: int, who: str) -> None:
        """Have the device forget its owner at its next contact, by an order that is signed for it."""
        with self._database.writing() as connection:
            query = select(device.c.number, device.c.tenant).where(device.c.name == name)
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise UsageError(f"There is no device {name} here.")
            connection.execute(reset_order.delete().where(reset_order.c.device == row.number))
            connection.execute(reset_order.insert().values(device=row.number, raw=order, added_at=now_s))
            audit.append(self._database, connection, audit.Act(now_s, who, "reset", name, row.tenant))

    def release(self, name: str, now_s: int, who: str) -> None:
        """Let a device that is held send again. What held it stays on record."""
        held = (device.c.name == name) & device.c.held_at.is_not(None)
        with self._database.writing() as connection:
            released = device.update().where(held).values(held_at=None).returning(device.c.tenant)
            owner = connection.execute(released).scalar_one_or_none()
            if owner is None:
                raise UsageError(f"There is no device {name} here that is held.")
            audit.append(self._database, connection, audit.Act(now_s, who, "release", name, owner))

    def find_device(self, name: str) -> Device | None:
        with self._database.reading() as connection:
            columns = (
                device.c.number,
                device.c.name,
                device.c.tenant,
                device.c.key,
                device.c.active,
                reset_order.c.raw,
            )
            joined = device.outerjoin(reset_order, reset_order.c.device == device.c.number)
            row = connection.execute(select(*columns).select_from(joined).where(device.c.name == name)).one_or_none()
        return None if row is None else Device(row.number, row.name, row.tenant, row.key, row.active, row.raw or b"")

    def add_token(self, name: str, tenant_name: str, now_s: int, days: int = TOKEN_DAYS, kind: str = PULL) -> str:
        """A new token for a tenant's controller, or for METRICS. It is told once and kept as a hash only."""
        checked_name(name, "token")
        secret = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._database.writing() as connection:
            self._database.lock(connection, "registry")
            _known_tenant(connection, tenant_name)
            if connection.execute(select(token.c.name).where(token.c.name == name)).one_or_none() is not None:
                raise UsageError(f"There is a token {name} already; choose another name, or revoke that one first.")
            values = {
                "digest": sha256(secret.encode()).digest(),
                "name": name,
                "kind": kind,
                "tenant": tenant_name,
                "added_at": now_s,
                "expires_at": now_s + days * 86_400,
            }
            connection.execute(token.insert().values(values))
        return secret

    def revoke_token(self, name: str, now_s: int) -> None:
        with self._database.writing() as connection:
            held = (token.c.name == name) & token.c.revoked_at.is_(None)
            if connection.execute(token.update().where(held).values(revoked_at=now_s)).rowcount != 1:
                raise UsageError(f"There is no token {name} that could be revoked.")

    def find_bearer(self, untrusted_secret: str, now_s: int, kind: str = PULL) -> Bearer | None:
        """Whom a token of that kind lets in; None for one that is unknown, revoked or past its time."""
        digest = sha256(untrusted_secret.encode()).digest()
        with self._database.reading() as connection:
            row = connection.execute(select(token).where(token.c.digest == digest)).one_or_none()
        if row is None or row.kind != kind or row.revoked_at is not None or row.expires_at <= now_s:
            return None
        return Bearer(row.name, row.tenant)

    def put_keyset(self, tenant_name: str, untrusted: bytes, now_s: int) -> int:
        """Store a tenant's newer keyset and return its serial; UntrustedInput says why it is refused."""
        with self._database.writing() as connection:
            row = _known_tenant(connection, tenant_name, lock=True)
            if row is None:
                raise UntrustedInput(Reason.BAD_SIGNATURE, "No root key is pinned for this tenant: set it first.")
            roots = [Ed25519PublicKey.from_public_bytes(row)]
            newest = _newest_serial(connection, tenant_name)
            checked = verify_keyset(untrusted, roots, newer_than=newest)
            values = {"tenant": tenant_name, "serial": checked.serial, "raw": untrusted, "added_at": now_s}
            connection.execute(keyset.insert().values(values))
        return checked.serial

    def newest_keyset(self, tenant_name: str) -> bytes | None:
        with self._database.reading() as connection:
            rows = select(keyset.c.raw).where(keyset.c.tenant == tenant_name).order_by(keyset.c.serial.desc()).limit(1)
            raw: bytes | None = connection.execute(rows).scalar_one_or_none()
        return raw


def _newest_serial(connection: Connection, tenant_name: str) -> int:
    serial = connection.execute(select(func.max(keyset.c.serial)).where(keyset.c.tenant == tenant_name)).scalar_one()
    return serial or 0


def _known_tenant(connection: Connection, name: str, *, lock: bool = False) -> bytes | None:
    """The root key of a tenant that there is; UsageError otherwise."""
    query = select(tenant.c.root_key).where(tenant.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UsageError(f"There is no tenant {name} here; make it with: safecount-ops collector add-tenant")
    root_key: bytes | None = row.root_key
    return root_key


def _check_key(key: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise UsageError("A device's key must be the 32 bytes of an Ed25519 public key.") from error
