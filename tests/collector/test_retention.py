"""What age and a command remove, in both databases: only what a controller has fetched, with nothing else harmed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Select, select

from safecount.errors import UsageError
from safecount.wire.errors import Reason
from safecount.wire.pull import Reach
from safecount.wire.uplink import Answer, encode_batch
from safecount_ops.collector import audit, retention
from safecount_ops.collector.database import Database
from safecount_ops.collector.fetching import directory, note_fetched, page
from safecount_ops.collector.intake import Intake
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.retention import DAY_S, Whose, erase, remove_old
from safecount_ops.collector.tables import chain, device, envelope, metadata
from simulators.chains import chain_of, health_chain
from simulators.device import KEYSET
from simulators.keys import signing_key
from simulators.postgres import postgres_cluster
from simulators.records import HEALTH_RECORD
from simulators.running_collector import collector_command

_NUMBERS = count()
BEGAN_S = 1_800_000_000
DAYS = 400
LATER_S = BEGAN_S + DAYS * DAY_S


@cache
def long_chain(name: str) -> list[bytes]:
    return health_chain(name, 600, KEYSET)


class Kept:
    """A collector's database with the devices "a" and "b" of one tenant and "c" of another, a thousand envelopes each."""

    def __init__(self, where: Path | str) -> None:
        self.database = Database(where)
        self.database.create()
        self.registry = Registry(self.database)
        self.now_s = BEGAN_S
        self.intake = Intake(self.database, signing_key("receipts"), lambda: self.now_s)
        self.chains = {}
        for tenant, names in (("default", "ab"), ("other", "c")):
            self.registry.add_tenant(tenant, None, BEGAN_S)
            for name in names:
                self.registry.add_device(name, tenant, signing_key(name).public_key().public_bytes_raw(), BEGAN_S)
                self.chains[name] = long_chain(name)
                self.send(name, self.chains[name][:-1])

    def send(self, name: str, raws: list[bytes]) -> list[Answer]:
        return [self.intake.take(name, encode_batch(raws[at : at + 64])) for at in range(0, len(raws), 64)]

    def fetch(self, name: str, after: int, tenant: str = "default") -> list[bytes]:
        """What a controller does: a page, then the one behind it."""
        note_fetched(self.database, tenant, name, 1, after)
        with self.database.reading() as connection:
            found = page(connection, tenant, name, (1, after), 256)
        assert found is not None
        return list(found.envelopes)

    def reach(self, name: str) -> Reach:
        with self.database.reading() as connection:
            entries = directory(connection, "default", "").devices
        return next(entry for entry in entries if entry.device == name).chains[0]

    def acts(self, act: str) -> list[tuple[str, str | None]]:
        return [(one.subject, one.tenant) for one in audit.read_all(self.database) if one.act == act]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with postgres_cluster() as address:
        yield address


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, cluster: str) -> Iterator[Kept]:
    where: Path | str = tmp_path / "collector.db"
    if request.param == "PostgreSQL":
        name = f"t{next(_NUMBERS)}"
        with psycopg.connect(cluster, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        where = cluster.replace("/postgres?", f"/{name}?")
    made = Kept(where)
    yield made
    made.database.close()


def test_age_removes_what_was_fetched_and_the_chain_stays_as_strict_as_it_was(kept: Kept) -> None:
    kept.fetch("a", 550)
    assert remove_old(kept.database, DAYS, LATER_S) == 0, "not older than that"
    assert remove_old(kept.database, 0, LATER_S + 1) == 0, "0 is for good"
    assert remove_old(kept.database, DAYS, LATER_S + 1) == 550, "nothing of b or c, and not what follows"
    assert kept.reach("a") == Reach(1, 599, 550, 550)
    assert kept.fetch("a", 0)[0] == kept.chains["a"][550]
    told = [subject for subject, tenant in kept.acts("remove-old") if tenant == "default"]
    assert told == [f"{count} envelopes of 1 device, older than {DAYS} days" for count in (500, 50)]
    first = kept.send("a", kept.chains["a"][:64])[0]
    assert len(first.receipts) == 64, "a receipt that was lost is given again"
    kept.now_s = LATER_S
    assert len(kept.send("a", kept.chains["a"][-1:])[0].receipts) == 1, "the chain goes on"
    assert kept.reach("a") == Reach(1, 600, 550, 550)
    fork = chain_of("a", [replace(HEALTH_RECORD, dropped=n + 9) for n in range(20)], KEYSET)[17]
    assert [one.reason for one in kept.send("a", [fork])[0].refused] == [Reason.FORK], "removed, and not forgotten"


def test_what_comes_late_stays_until_it_has_been_fetched_itself(kept: Kept) -> None:
    late = kept.registry
    late.add_device("late", "default", signing_key("late").public_key().public_bytes_raw(), BEGAN_S)
    raws = health_chain("late", 9, KEYSET)
    kept.send("late", raws[5:])
    kept.fetch("late", 9)
    kept.send("late", raws[2:4])
    assert remove_old(kept.database, DAYS, LATER_S + 1) == 0
    assert kept.fetch("late", 0)[:2] == raws[2:4]
    kept.fetch("late", 9)
    assert remove_old(kept.database, DAYS, LATER_S + 1) == 6
    assert kept.reach("late") == Reach(1, 9, 9, 6)


def test_nobody_else_and_nothing_beyond_the_chain_counts_as_fetched(kept: Kept) -> None:
    for tenant, after in (("other", 550), ("default", 600), ("default", 1 << 40)):
        note_fetched(kept.database, tenant, "a", 1, after)
    assert remove_old(kept.database, DAYS, LATER_S + 1) == 0


def test_a_device_is_erased_with_every_row_that_names_it_and_no_other(kept: Kept) -> None:
    held, entry = erase(kept.database, Whose.DEVICE, "a", LATER_S, "ann")
    assert (held.devices, held.envelopes, held.first_s) == (1, 599, BEGAN_S)
    for act in ("erase", "erased"):
        assert kept.acts(act) == [("Device a: 599 envelopes of 1 device", "default")]
    assert audit.verify(audit.read_all(kept.database), entry) == entry
    with kept.database.reading() as connection:
        assert connection.execute(select(device.c.name).order_by(device.c.name)).scalars().all() == ["b", "c"]
        assert len(connection.execute(select(envelope.c.sequence)).all()) == 2 * 599
        assert len(connection.execute(select(chain.c.number)).all()) == 2
    assert {one.reason for one in kept.send("a", kept.chains["a"][:2])[0].refused} == {Reason.UNKNOWN_DEVICE}
    with pytest.raises(UsageError, match="no device a"):
        erase(kept.database, Whose.DEVICE, "a", LATER_S, "ann")


def test_who_is_cut_off_in_the_middle_of_erasing_does_it_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    portions = iter([True])

    def cut(database: Database, devices: Select[tuple[int]]) -> int:
        return erase_portion(database, devices) if next(portions, False) else cut_off()

    def cut_off() -> int:
        raise KeyboardInterrupt

    erase_portion = retention._erase_portion  # noqa: SLF001 - a cut between two transactions
    monkeypatch.setattr(retention, "_erase_portion", cut)
    with pytest.raises(KeyboardInterrupt):
        erase(kept.database, Whose.DEVICE, "a", LATER_S, "ann")
    monkeypatch.undo()
    assert {one.reason for one in kept.send("a", kept.chains["a"][-1:])[0].refused} == {Reason.UNKNOWN_DEVICE}
    held, _ = erase(kept.database, Whose.DEVICE, "a", LATER_S, "ann")
    assert held.envelopes == 99, "what was left"
    assert next(subject for subject, _ in kept.acts("erase")).startswith("Device a: 599")


def test_a_tenant_is_erased_whole(kept: Kept) -> None:
    for tenant, left in (("other", {"default"}), ("default", {"default"})):
        kept.registry.add_token(f"of {tenant}".replace(" ", "-"), tenant, BEGAN_S)
        erase(kept.database, Whose.TENANT, tenant, LATER_S, "ann")
        with kept.database.reading() as connection:
            for table in metadata.sorted_tables:
                rows = connection.execute(select(table)).mappings().all()
                if table.name == "tenant":
                    assert {row["name"] for row in rows} == left, "the one that enrolled devices come to stays"
                elif table.name != "audit" and "tenant" in table.c:
                    assert tenant not in {row["tenant"] for row in rows}, table.name


def test_what_was_erased_is_nowhere_in_the_files_of_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "collector.db"
    kept = Kept(file)
    pieces = [raw[-64:] for raw in kept.chains["a"][:-1]]

    def found() -> int:
        whole = b"".join(one.read_bytes() for one in tmp_path.glob("collector.db*"))
        return sum(piece in whole for piece in pieces)

    assert found() == len(pieces), "so that it can be looked for"
    kept.fetch("a", 300)
    remove_old(kept.database, DAYS, LATER_S + 1)
    kept.database.scrub()
    assert found() == len(pieces) - 300
    erase(kept.database, Whose.DEVICE, "a", LATER_S, "ann")
    assert found() == 0
    kept.database.close()


def test_the_command_wants_the_name_once_more_and_prints_what_it_did(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    collector_command("init", folder)
    key = signing_key("door").public_key().public_bytes_raw().hex()
    collector_command("add-device", folder, "door", "--key", key)
    with pytest.raises(AssertionError, match="ended with 2"):
        collector_command("erase", folder, "--device", "door", "--confirm", "doors")
    with pytest.raises(AssertionError, match="ended with 2"):
        collector_command("erase", folder, "--device", "door", "--tenant", "default", "--confirm", "door")
    told = collector_command("erase", folder, "--device", "door", "--confirm", "door")
    head = collector_command("verify-audit", folder).strip()
    assert told.startswith("Erased at ")
    assert "Device door: 0 envelopes of 1 device" in told
    assert told.strip().endswith(head)
    assert "Nothing is removed" not in collector_command("remove-old", folder)
