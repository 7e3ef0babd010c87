"""The audit log: nothing is changed or removed without being found."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.errors import SafecountError
from safecount_ops.collector import audit
from safecount_ops.collector.audit import Act, Entry, Head, parse_head, verify
from safecount_ops.collector.database import Database, DatabaseUnavailable

Forgery = Callable[[list[Entry]], list[Entry]]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "a.db")
    made.create()
    for number in range(5):
        write(made, number)
    yield made
    made.close()


def write(database: Database, number: int) -> None:
    with database.writing() as connection:
        audit.append(database, connection, Act(1000 + number, "ann", "release", f"device-{number}", "ours"))


def test_a_whole_log_tells_its_head_which_stays_in_it(database: Database) -> None:
    head = verify(audit.read_all(database))
    assert head.number == 5
    write(database, 6)
    assert verify(audit.read_all(database), head).number == 6
    assert parse_head(str(head)) == head


@pytest.mark.parametrize(
    "forge",
    [
        lambda log: [log[0], replace(log[1], who="bob"), *log[2:]],
        lambda log: [log[0], *log[2:]],
        lambda log: [log[1], log[0], *log[2:]],
        lambda log: [*log[:2], log[1], *log[2:]],
        lambda log: log[1:],
    ],
    ids=["edited", "removed", "reordered", "doubled", "beheaded"],
)
def test_every_forgery_is_found(database: Database, forge: Forgery) -> None:
    log = list(audit.read_all(database))
    with pytest.raises(SafecountError, match="has been changed"):
        verify(forge(log))


def test_a_shortened_or_rewritten_log_is_found_by_a_noted_head(database: Database) -> None:
    log = list(audit.read_all(database))
    noted = Head(log[-1].number, log[-1].digest)
    with pytest.raises(SafecountError, match="was noted"):
        verify(log[:-1], noted)


def test_the_database_refuses_changes(database: Database, tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "a.db")
    for statement in ("UPDATE audit SET who = 'bob'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    raw.close()


@given(st.text(max_size=40))
def test_any_text_is_no_head_or_one(text: str) -> None:
    head = parse_head(text)
    assert head is None or isinstance(head.number, int)


def test_a_failing_transaction_leaves_no_entry(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        _write_and_fail(database)
    assert verify(audit.read_all(database)).number == 5


def _write_and_fail(database: Database) -> None:
    with database.writing() as connection:
        audit.append(database, connection, Act(1, "ann", "x", "y"))
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
