"""What is removed on purpose is told from what is missing: at the collector by age, and here by a command."""

import io
import sqlite3
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.wire.keyset import Role
from safecount_ops.__main__ import main
from safecount_ops.controller.archive import Archive, Misdeed
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.keys import reader_key
from safecount_ops.controller.opening import open_archive
from safecount_ops.controller.pull import Pulled, pull
from safecount_ops.controller.pull_commands import pulled_text, statement_text
from safecount_ops.controller.removal import Removals
from safecount_ops.controller.verify import Flaw, Statement, verify
from simulators.chains import MemorySource, chain_of, health_chain, hours
from simulators.keys import keyset, reader

READER = reader("controller")
KEYSET = keyset(READER.recipient(Role.CONTROLLER))
DAY_S = 86_400
NOW_S = 1_781_100_000
LONG = health_chain("a", 300, KEYSET)
COUNTED = chain_of("door", hours(12), KEYSET)
ELSEWHERE = chain_of("elsewhere", [replace(one, site="other") for one in hours(5)], KEYSET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keysets").mkdir()
    return tmp_path


def fetch(source: MemorySource, folder: Path, at_s: int = NOW_S, *, accept: bool = False) -> Pulled:
    with Archive(folder / "archive.db") as archive:
        return pull(source, archive, folder, at_s, lambda *_: None, least_free_bytes=0, accept_removed=accept)


def verified(folder: Path) -> Statement:
    with Archive(folder / "archive.db", read_only=True) as archive:
        return verify(archive, lambda _: None)


def opened(folder: Path) -> Counts:
    counts = Counts(folder / "counts.db")
    with Archive(folder / "archive.db") as archive:
        open_archive(archive, counts, [reader_key(READER.seed)], lambda *_: None, 1)
    return counts


def command(*arguments: str | Path) -> str:
    told = io.StringIO()
    with redirect_stdout(told):
        assert main(["controller", *map(str, arguments)]) == 0
    return told.getvalue()


def holding() -> MemorySource:
    source = MemorySource()
    source.take("a", LONG)
    source.take("door", COUNTED)
    source.take("elsewhere", ELSEWHERE)
    return source


def aged(source: MemorySource, up_to: int) -> None:
    for sequence in range(1, up_to + 1):
        source.stored["a", 1].pop(sequence, None)
    source.removed["a", 1], source.claims["a", 1] = (up_to, up_to), len(LONG)


def test_what_the_collector_removed_after_it_was_fetched_is_no_finding(folder: Path) -> None:
    source = holding()
    fetch(source, folder)
    aged(source, 200)
    assert fetch(source, folder).findings == []
    aged(source, 300)
    assert fetch(source, folder).findings == [], "nor when the whole chain is gone"
    assert verified(folder).whole
    assert verified(folder).envelopes == 317


def test_what_it_says_it_removed_and_never_gave_is_a_finding_unless_a_new_archive_takes_its_word(folder: Path) -> None:
    source = holding()
    aged(source, 200)
    (found,) = fetch(source, folder).findings
    assert (found.misdeed, found.sequence) == (Misdeed.REMOVED, 200)
    assert [(one.flaw, one.first, one.last) for one in verified(folder).faults] == [(Flaw.REMOVED, 1, 200)]
    (folder / "archive.db").unlink()
    assert fetch(source, folder, accept=True).findings == []
    assert fetch(source, folder).findings == [], "asked once"
    assert verified(folder).whole
    assert "removed up to envelope 200, before it was fetched: that is the collector's word" in "\n".join(
        statement_text(verified(folder))
    )
    aged(source, 250)
    assert fetch(source, folder).findings == [], "these were fetched"
    aged(source, 300)
    assert fetch(source, folder).findings == []


def test_holes_that_never_came_to_the_collector_are_not_held_against_it(folder: Path) -> None:
    source = holding()
    for sequence in (7, 90):
        source.stored["a", 1].pop(sequence)
    fetch(source, folder)
    aged(source, 200)
    source.removed["a", 1] = (200, 198)
    assert fetch(source, folder).findings == []
    source.removed["a", 1] = (200, 199)
    assert [one.misdeed for one in fetch(source, folder).findings] == [Misdeed.REMOVED]


def test_old_envelopes_go_from_here_and_the_rest_still_proves_itself(folder: Path) -> None:
    source = holding()
    fetch(source, folder, NOW_S - 100 * DAY_S)
    source.take("door", chain_of("door", hours(12), KEYSET))
    opened(folder)
    with Removals(folder / "archive.db") as removals:
        assert removals.old(NOW_S - 101 * DAY_S, 1 << 40, {}) == []
        assert removals.old(NOW_S, 0, {}) == [], "what was not opened stays"
        places = {(one.device, one.up_to) for one in removals.old(NOW_S, 1 << 40, {("door", 1): 5})}
        assert places == {("a", 300), ("door", 4), ("elsewhere", 5)}, "nor what may open yet with another key"
        portion = next(one for one in removals.old(NOW_S, 1 << 40, {("door", 1): 5}) if one.device == "door")
        removals.remove(portion, NOW_S)
    statement = verified(folder)
    assert statement.whole
    assert "door, epoch 1, removed up to envelope 4, which the next one follows" in "\n".join(statement_text(statement))
    source = holding()
    assert fetch(source, folder).envelopes == 0, "it is not fetched again"


@pytest.mark.parametrize(
    ("evil", "flaw", "first"),
    [
        ("DELETE FROM envelopes WHERE device = 'door' AND sequence = 5", Flaw.REMOVED, 5),
        ("UPDATE removed SET digest = zeroblob(32)", Flaw.FORKED, 5),
    ],
)
def test_who_hides_behind_a_removal_is_found(folder: Path, evil: str, flaw: Flaw, first: int) -> None:
    fetch(holding(), folder)
    with Removals(folder / "archive.db") as removals:
        removals.remove(next(one for one in removals.old(NOW_S + 1, 300 + 4, {}) if one.device == "door"), NOW_S)
    db = sqlite3.connect(folder / "archive.db", isolation_level=None)
    db.execute("DROP TRIGGER kept_for_good")
    db.execute(evil)
    db.close()
    assert [(one.flaw, one.first) for one in verified(folder).faults] == [(flaw, first)]


def test_remove_old_and_forget_by_command(folder: Path) -> None:
    source = holding()
    fetch(source, folder, NOW_S - 100 * DAY_S)
    counts = opened(folder)
    sites = counts.sites()
    assert len(sites) == 2
    assert "317 envelopes of 3 chains removed" in command("remove-old", folder, "--days", "1")
    assert counts.sites() == sites, "what they told stays"
    assert fetch(source, folder).envelopes == 0
    (mine,) = counts.sites_of("door")
    told = command("forget", folder, "--site", mine, "--confirm", mine)
    assert "door, 0 envelopes and their counts" in told
    assert counts.sites() == ["other"]
    left_out = fetch(source, folder)
    assert (left_out.left_out, left_out.findings) == ({"door"}, [])
    assert "forgotten here: door" in "\n".join(pulled_text(left_out))
    assert verified(folder).whole
    command("remember", folder, "door")
    assert fetch(source, folder).envelopes == len(COUNTED)
    assert opened(folder).sites() == sorted(sites), "numbers of envelopes are not given twice"


def test_counts_go_with_their_envelopes_where_that_is_asked_for(folder: Path) -> None:
    fetch(holding(), folder, NOW_S - 100 * DAY_S)
    counts = opened(folder)
    command("remove-old", folder, "--days", "1", "--counts")
    assert counts.count() == 0
    assert not list((folder / "table").rglob("*.parquet"))


def test_a_site_that_shares_a_device_is_not_forgotten_by_halves(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = MemorySource()
    source.take("moved", chain_of("moved", [*hours(2), replace(hours(3)[2], site="other")], KEYSET))
    fetch(source, folder)
    opened(folder)
    assert main(["controller", "forget", str(folder), "--site", "other", "--confirm", "other"]) == 2
    assert "forget it with --device moved" in capsys.readouterr().err
    assert verified(folder).envelopes == 3
