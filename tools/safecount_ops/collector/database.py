"""The one database, SQLite, behind two doors: `writing` and `reading`, each one transaction.

A write transaction that has been left is on disk: WAL with synchronous=FULL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from safecount.errors import SafecountError
from safecount_ops.collector.tables import metadata

_PAGE_BYTES = 16_384
"""Three envelopes fit a page; in one of 4096 bytes each would need two."""


class DatabaseUnavailable(SafecountError):  # noqa: N818 - it names what is so
    """The database does not answer, or takes no more: nothing was stored, and the same may be tried later."""


class Database:
    """Connections to the database in `file`."""

    def __init__(self, file: Path, connections: int = 8) -> None:
        self._engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 20}, pool_size=connections)
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)

    def close(self) -> None:
        self._engine.dispose()

    def create(self) -> None:
        """Make the tables that are not there yet."""
        with self.writing() as connection:
            metadata.create_all(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed durably at the end; DatabaseUnavailable if it was not."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    def lock(self, connection: Connection, name: str) -> None:
        """Hold everybody else who asks for the same lock until this transaction ends. SQLite has one writer anyway."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state, and keeps nobody from writing."""
        with _translated(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection


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
    return DatabaseUnavailable(
        f"The collector's database cannot be used ({cause[0] if cause else 'no reason given'}); see that "
        "its disk has room, and that it was made with `collector init`."
    )


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"page_size={_PAGE_BYTES}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
