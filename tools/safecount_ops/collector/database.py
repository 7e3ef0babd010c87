"""The one database behind two doors: `writing` and `reading`, each one transaction. SQLite, or PostgreSQL by a setting.

A write transaction that has been left is on disk: SQLite with WAL and synchronous=FULL; PostgreSQL with what its server
has for synchronous_commit, which is on unless somebody turned it off.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from safecount.errors import SafecountError, UsageError
from safecount_ops.collector.tables import metadata

_PAGE_BYTES = 16_384
"""Three envelopes fit a page; in one of 4096 bytes each would need two."""
_TURN_S = 20
_POSTGRESQL = "postgresql"
_WROTE = "safecount wrote"
_PATIENCE = "-c lock_timeout=20s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"


_DISK_FAILS = "its disk fails; serve a copy of the folder, or a restored backup, from another disk"
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "its disk is full; make room, and it goes on by itself",
    sqlite3.SQLITE_IOERR: _DISK_FAILS,
    sqlite3.SQLITE_CORRUPT: _DISK_FAILS,
    sqlite3.SQLITE_READONLY: _DISK_FAILS,
}


class DatabaseUnavailable(SafecountError):  # noqa: N818 - it names what is so
    """The database does not answer, or takes no more: nothing was stored, and the same may be tried later."""


class Database:
    """Connections to SQLite in a file, or to PostgreSQL at an address, `postgresql://user@host/name`."""

    def __init__(self, where: Path | str, connections: int = 8, tell: Callable[[str], None] | None = None) -> None:
        """`tell` hears why nothing can be written, each time the reason changes; "" when it can be again."""
        self.trouble = ""
        self._tell = tell
        self._engine = _postgresql(where, connections) if isinstance(where, str) else _sqlite(where, connections)
        self._shared = isinstance(where, str)
        self._writer = threading.Lock()
        event.listen(self._engine, "after_cursor_execute", _note_write)

    def close(self) -> None:
        self._engine.dispose()

    def create(self) -> None:
        """Make the tables that are not there yet."""
        with self.writing() as connection:
            metadata.create_all(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed durably at the end; DatabaseUnavailable if it was not."""
        try:
            with self._turn(), _translated(), self._engine.begin() as connection:
                connection.info[_WROTE] = False
                yield connection
                wrote = connection.info[_WROTE]
        except DatabaseUnavailable as error:
            self._met(str(error))
            raise
        if wrote:  # a transaction that changed nothing has not tried the disk
            self._met("")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer anyway. It also copies its log back when a commit is over, and that must not meet another
        commit: up to version 3.51.2 what was committed could be lost then (sqlite.org/wal.html#walresetbug).
        """
        if self._shared:
            yield
            return
        if not self._writer.acquire(timeout=_TURN_S):
            raise DatabaseUnavailable(f"The collector's database was busy for {_TURN_S} s: try again later.")
        try:
            yield
        finally:
            self._writer.release()

    def _met(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if self._tell is not None:
                self._tell(trouble)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state, and keeps nobody from writing."""
        with _translated(), self._engine.connect() as connection:
            if self._shared:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            else:
                connection.execution_options(reading=True)
            yield connection

    def lock(self, connection: Connection, name: str) -> None:
        """Hold everybody else who asks for the same lock until this transaction ends. SQLite has one writer anyway."""
        if self._shared:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))

    def scrub(self) -> None:
        """Leave no copy of what was removed in SQLite's log; PostgreSQL sees to its own (docs/collector.md)."""
        if not self._shared:
            with self._turn(), _translated(), closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _note_write(
    connection: Connection,
    cursor: DBAPICursor,
    _text: str,
    _given: object,
    context: Any,  # noqa: ANN401 - its class is private to each driver
    _many: object,
) -> None:
    if cursor.rowcount and (context.isinsert or context.isupdate or context.isdelete):
        connection.info[_WROTE] = True


def _sqlite(file: Path, connections: int) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": _TURN_S}, pool_size=connections)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql(address: str, connections: int) -> Engine:
    try:
        url = make_url(address)
    except exc.ArgumentError as error:
        raise UsageError("The database's address must be as in postgresql://user@host:5432/name.") from error
    if url.drivername != _POSTGRESQL:
        raise UsageError(f"The database's address must begin with {_POSTGRESQL}://, not {url.drivername}://.")
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        pool_pre_ping=True,
        pool_timeout=20,
        connect_args={"connect_timeout": 10, "options": _PATIENCE},
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError:
        raise
    except (exc.DBAPIError, exc.TimeoutError) as error:
        raise _unavailable(error) from error


def _unavailable(error: exc.SQLAlchemyError) -> SafecountError:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF
    way_out = _WAYS_OUT.get(code, "see that its disk has room, and that it was made with `collector init`")
    return DatabaseUnavailable(
        f"The collector's database cannot be used ({cause[0] if cause else 'no reason given'}): {way_out}."
    )


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"page_size={_PAGE_BYTES}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is removed is overwritten
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
