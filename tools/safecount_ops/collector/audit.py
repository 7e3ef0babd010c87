"""Who did what: an append-only log whose entries each name the digest of the one before.

An entry's digest is the SHA-256 of the encoded array [1, number, at, who, act, subject, tenant, previous]
(docs/formats.md, "Encoding"). Whoever can write the whole database can make a whole new log: note the newest digest
elsewhere now and then, and `verify` finds that it is still in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select

from safecount.errors import SafecountError
from safecount.wire.encoding import Item, encode
from safecount_ops.collector.database import Database
from safecount_ops.collector.tables import audit

_VERSION = 1
_BEFORE_THE_FIRST = bytes(32)
_A_READ = 1000


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be written down. `tenant` is whom it concerns, None for all of the collector."""

    at_s: int
    who: str
    act: str
    subject: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `tenant` is whom it concerns, None for all of the collector."""

    number: int
    at_s: int
    who: str
    act: str
    subject: str
    tenant: str | None
    previous: bytes
    digest: bytes

    def computed(self) -> bytes:
        """What the digest must be."""
        fields: list[Item] = [
            _VERSION,
            self.number,
            self.at_s,
            self.who,
            self.act,
            self.subject,
            self.tenant,
            self.previous,
        ]
        return sha256(encode(fields)).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: enough to tell later that nothing up to it was changed."""

    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.digest.hex()}"


def append(database: Database, connection: Connection, act: Act) -> Head:
    """Write an entry in the transaction of what it tells of, and tell what is the newest then."""
    database.lock(connection, "audit")
    query = select(audit.c.number, audit.c.digest).order_by(audit.c.number.desc()).limit(1)
    last = connection.execute(query).one_or_none()
    number, previous = (last.number + 1, last.digest) if last is not None else (1, _BEFORE_THE_FIRST)
    entry = Entry(number, act.at_s, act.who[:96], act.act, act.subject[:128], act.tenant, previous, b"")
    values = {
        "number": number,
        "at": entry.at_s,
        "who": entry.who,
        "act": entry.act,
        "subject": entry.subject,
        "tenant": entry.tenant,
        "previous": previous,
        "digest": (digest := entry.computed()),
    }
    connection.execute(audit.insert().values(values))
    return Head(number, digest)


def newest(connection: Connection, tenant: str | None, limit: int, before: int | None = None) -> list[Entry]:
    """The newest entries that concern a tenant (None: all), newest first; only those below the number `before`."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if tenant is not None:
        query = query.where(audit.c.tenant == tenant)
    if before is not None:
        query = query.where(audit.c.number < before)
    return [_entry(row) for row in connection.execute(query)]


def read_all(database: Database) -> Iterator[Entry]:
    """Every entry, oldest first, however long the log is."""
    last = 0
    while True:
        with database.reading() as connection:
            query = select(audit).where(audit.c.number > last).order_by(audit.c.number).limit(_A_READ)
            entries = [_entry(row) for row in connection.execute(query)]
        if not entries:
            return
        yield from entries
        last = entries[-1].number


def verify(entries: Iterable[Entry], noted: Head | None = None) -> Head:
    """The newest entry of a whole and unchanged log.

    Raises:
        SafecountError: an entry was changed, removed or put in, or the `noted` head of earlier is not in it.
    """
    head, met = Head(0, _BEFORE_THE_FIRST), noted is None
    for one in entries:
        if one.number != head.number + 1:
            raise SafecountError(f"The audit log has been changed: entry {head.number + 1} is missing.")
        if one.previous != head.digest or one.digest != one.computed():
            raise SafecountError(f"The audit log has been changed: entry {one.number} is not what was written.")
        head = Head(one.number, one.digest)
        met = met or head == noted
    if not met:
        raise SafecountError(f"The audit log has been changed: the entry that was noted as {noted} is not in it.")
    return head


def parse_head(text: str) -> Head | None:
    """A head as it was printed; None if it is none."""
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        return None


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.number, row.at, row.who, row.act, row.subject, row.tenant, row.previous, row.digest)
