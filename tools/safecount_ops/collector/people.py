"""The people of a collector: what their role lets them do, and how they prove who they are.

A password that PAM takes and a one-time code (RFC 6238), each attempt counted before it is tried; too many lock the name
for a while, whoever it was that tried.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

import pyotp
from sqlalchemy import select

from safecount.errors import UsageError
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database, DatabaseUnavailable
from safecount_ops.collector.registry import checked_name
from safecount_ops.collector.tables import person, session, tenant

ATTEMPTS = 5
LOCK_S = 900
LONGEST_LOCK_S = 86_400
IDLE_S = 1800
SESSION_S = 12 * 3600
_STEP_S = 30


class Role(Enum):
    """What a person is to the collector."""

    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(Enum):
    """What a page or a form needs."""

    SEE = "see"
    AUDIT = "audit"
    CHANGE = "change"


RIGHTS = {
    Role.OPERATOR: frozenset({Right.SEE}),
    Role.AUDITOR: frozenset({Right.SEE, Right.AUDIT}),
    Role.ADMINISTRATOR: frozenset({Right.SEE, Right.AUDIT, Right.CHANGE}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in. `tenant` is the one whose devices they see, None for all. `form_key` goes into forms."""

    name: str
    role: Role
    tenant: str | None
    form_key: str

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


class People:
    """Persons and their sessions in the database. `password_holds(name, password)` asks PAM."""

    def __init__(self, database: Database, password_holds: Callable[[str, str], bool]) -> None:
        self._database = database
        self._password_holds = password_holds

    def add(self, name: str, role: Role, tenant_name: str | None, now_s: int, who: str) -> str:
        """Let somebody in, or change their role, and return the new secret of their one-time codes (base32)."""
        checked_name(name, "person")
        secret = pyotp.random_base32()
        values = {
            "role": role.value,
            "tenant": tenant_name,
            "code_secret": secret,
            "code_step": 0,
            "failed": 0,
            "locked_until": 0,
            "active": True,
            "added_at": now_s,
        }
        with self._database.writing() as connection:
            if (
                tenant_name is not None
                and not connection.execute(select(tenant).where(tenant.c.name == tenant_name)).all()
            ):
                raise UsageError(f"There is no tenant {tenant_name} here.")
            changed = connection.execute(person.update().where(person.c.name == name).values(values))
            if changed.rowcount == 0:
                connection.execute(person.insert().values(name=name, **values))
            connection.execute(session.delete().where(session.c.person == name))
            act = audit.Act(now_s, who, "add-person", f"{name} as {role.value}", tenant_name)
            audit.append(self._database, connection, act)
        return secret

    def remove(self, name: str, now_s: int, who: str) -> None:
        """Let somebody in no more, from this moment on."""
        with self._database.writing() as connection:
            _must_change(
                connection.execute(person.update().where(person.c.name == name).values(active=False)).rowcount, name
            )
            connection.execute(session.delete().where(session.c.person == name))
            audit.append(self._database, connection, audit.Act(now_s, who, "remove-person", name))

    def unlock(self, name: str, now_s: int, who: str) -> None:
        """Let somebody try again who was locked out."""
        values = {"failed": 0, "locked_until": 0}
        with self._database.writing() as connection:
            _must_change(connection.execute(person.update().where(person.c.name == name).values(values)).rowcount, name)
            audit.append(self._database, connection, audit.Act(now_s, who, "unlock-person", name))

    def log_in(self, name: str, password: str, code: str, now_s: int) -> str | None:
        """A new session's cookie; None if name, password and code do not hold together, or the name is locked."""
        secret = self._begin_attempt(name, now_s)
        if secret is None or not self._password_holds(name, password):
            return None
        step = _step_of(secret, code, now_s)
        return None if step is None else self._begin_session(name, step, now_s)

    def _begin_attempt(self, name: str, now_s: int) -> str | None:
        """Count the attempt before it is tried: as many at once as one likes are still only ATTEMPTS."""
        with self._database.writing() as connection:
            row = connection.execute(select(person).where(person.c.name == name).with_for_update()).one_or_none()
            if row is None or not row.active or row.locked_until > now_s:
                return None
            failed = row.failed + 1
            values = {"failed": failed}
            if failed >= ATTEMPTS:
                lock_s = min(LONGEST_LOCK_S, LOCK_S * 2 ** min(failed - ATTEMPTS, 20))
                values["locked_until"] = now_s + lock_s
                audit.append(self._database, connection, audit.Act(now_s, "collector", "lock-person", name, row.tenant))
            connection.execute(person.update().where(person.c.name == name).values(values))
        secret: str = row.code_secret
        return secret

    def _begin_session(self, name: str, step: int, now_s: int) -> str | None:
        cookie, form_key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            unused = (person.c.name == name) & (person.c.code_step < step) & person.c.active
            values = {"code_step": step, "failed": 0, "locked_until": 0}
            if connection.execute(person.update().where(unused).values(values)).rowcount != 1:
                return None
            connection.execute(session.delete().where(session.c.began_at < now_s - SESSION_S))
            times = {"began_at": now_s, "seen_at": now_s}
            connection.execute(session.insert().values(digest=_digest(cookie), person=name, form_key=form_key, **times))
            audit.append(self._database, connection, audit.Act(now_s, name, "log-in", name))
        return cookie

    def find(self, untrusted_cookie: str, now_s: int) -> Person | None:
        """Whose session it is; None if it has ended. Being seen keeps it from ending idle."""
        digest = _digest(untrusted_cookie)
        query = (
            select(session, person.c.role, person.c.tenant)
            .join(person)
            .where(session.c.digest == digest, person.c.active)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.began_at + SESSION_S <= now_s or row.seen_at + IDLE_S <= now_s:
            return None
        if row.seen_at + 60 <= now_s:
            # Where nothing can be written the page still tells so; the session then ends a little early.
            with suppress(DatabaseUnavailable), self._database.writing() as connection:
                connection.execute(session.update().where(session.c.digest == digest).values(seen_at=now_s))
        return Person(row.person, Role(row.role), row.tenant, row.form_key)

    def log_out(self, untrusted_cookie: str) -> None:
        with self._database.writing() as connection:
            connection.execute(session.delete().where(session.c.digest == _digest(untrusted_cookie)))


def _must_change(rows: int, name: str) -> None:
    if rows != 1:
        raise UsageError(f"There is no person {name} here.")


def _digest(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()


def _step_of(secret: str, code: str, now_s: int) -> int | None:
    """The time step whose code it is, one early or late being as good; None if it is none of them."""
    codes = pyotp.TOTP(secret, interval=_STEP_S)
    steps = (now_s // _STEP_S + off for off in (0, -1, 1))
    return next((one for one in steps if secrets.compare_digest(codes.generate_otp(one).encode(), code.encode())), None)
