"""Pulling: everything once, on from where it stopped, and every lie of a collector told apart."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from safecount.errors import SafecountError
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import Role
from safecount.wire.pull import Directory, Page
from safecount_ops.controller.archive import Archive, Misdeed
from safecount_ops.controller.archive_file import ArchiveError
from safecount_ops.controller.pull import Pulled, pull
from simulators.chains import MemorySource, chain_of, health_chain
from simulators.keys import keyset, reader
from simulators.records import HEALTH_RECORD

KEYSET = keyset(reader("controller").recipient(Role.CONTROLLER))
NOW_S = 1_781_100_000
LONG = health_chain("counter-7", 600, KEYSET)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as opened:
        yield opened


def fetch(source: MemorySource, archive: Archive, tmp_path: Path, at_s: int = NOW_S) -> Pulled:
    return pull(source, archive, tmp_path, at_s, lambda _done, _of: None)


def kept(archive: Archive, device: str = "counter-7", epoch: int = 1) -> list[bytes]:
    return [one.untrusted for one in archive.in_chain_order(device, epoch)]


def test_everything_arrives_once_and_in_order_page_by_page(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG)
    for name in ("a", "b", "ü"):
        source.take(name, health_chain(name, 3, KEYSET))
    source.take("b", health_chain("b", 2, KEYSET, epoch=9), epoch=9)
    done = fetch(source, archive, tmp_path)
    assert (done.devices, done.envelopes, done.findings) == (4, 611, [])
    assert kept(archive) == LONG
    assert len(kept(archive, "b", 9)) == 2
    assert [device for device, _ in done.new_keys] == ["a", "b", "counter-7", "ü"]
    again = fetch(source, archive, tmp_path)
    assert (again.envelopes, again.findings, again.new_keys) == (0, [], [])


def test_an_interrupted_pull_goes_on_where_it_stopped(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG)

    def cut(page: list[bytes], after: int) -> list[bytes]:
        if after > 200:
            raise SafecountError("the line is cut")
        return page

    source.spoil = cut
    with pytest.raises(SafecountError):
        fetch(source, archive, tmp_path)
    assert archive.count() == 256
    source.spoil = lambda page, _: page
    source.asked.clear()
    assert fetch(source, archive, tmp_path).envelopes == 600 - 256
    assert source.asked[0][2] == 255, "from the last one kept, which is compared once more"
    assert kept(archive) == LONG


def test_holes_are_filled_when_the_late_ones_have_come(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:50])
    late = {n: source.stored["counter-7", 1].pop(n) for n in (1, 10, 11, 30)}
    assert fetch(source, archive, tmp_path).envelopes == 46
    assert archive.gaps("counter-7", 1, 50) == [(1, 1), (10, 11), (30, 30)]
    source.stored["counter-7", 1] |= late
    assert fetch(source, archive, tmp_path).envelopes == 4
    assert kept(archive) == LONG[:50]


def lies(archive: Archive) -> list[Misdeed]:
    return [finding.misdeed for finding in archive.findings()]


def test_a_forged_envelope_is_told_and_not_kept(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:5])
    source.stored["counter-7", 1][3] = health_chain("counter-7", 5, KEYSET, key="thief")[2]
    source.take("door", health_chain("door", 2, KEYSET))
    done = fetch(source, archive, tmp_path)
    assert lies(archive)[0] is Misdeed.FORGED
    assert archive.findings()[0].raw == source.stored["counter-7", 1][3]
    assert kept(archive) == []
    assert (done.envelopes, len(kept(archive, "door"))) == (2, 2), "the other chains are pulled all the same"


@pytest.mark.parametrize(
    ("spoil", "misdeed"),
    [
        (lambda page, _: page[::-1], Misdeed.OUT_OF_ORDER),
        (lambda page, _: [page[0], *page], Misdeed.OUT_OF_ORDER),
        (lambda page, _: [*page, page[0]], Misdeed.OUT_OF_ORDER),
        (lambda _page, _after: health_chain("other", 3, KEYSET, key="counter-7"), Misdeed.FOREIGN),
        (lambda _page, _after: health_chain("counter-7", 3, KEYSET, epoch=2), Misdeed.FOREIGN),
        (lambda page, _: [raw[:-1] + bytes([raw[-1] ^ 1]) for raw in page], Misdeed.FORGED),
        (lambda _page, _after: [bytes(4096)], Misdeed.FORGED),
        (lambda page, _: page[:-1], Misdeed.WITHHELD),
        (lambda _page, _after: [], Misdeed.WITHHELD),
    ],
)
def test_each_lie_about_a_chain_is_told_apart(
    archive: Archive, tmp_path: Path, spoil: object, misdeed: Misdeed
) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:20])
    source.spoil = spoil  # type: ignore[assignment]  # the parameters above
    fetch(source, archive, tmp_path)
    assert misdeed in lies(archive)
    assert set(kept(archive)) <= set(LONG[:20])


def test_a_history_that_was_changed_after_it_was_pulled_is_a_fork(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:5])
    fetch(source, archive, tmp_path)
    source.stored["counter-7", 1][5] = chain_with_other_end()
    fetch(source, archive, tmp_path)
    assert lies(archive) == [Misdeed.FORK]
    assert kept(archive) == LONG[:5], "what was kept stays"


def chain_with_other_end() -> bytes:
    """Another envelope 5 of the same device, well signed."""
    records = [replace(HEALTH_RECORD, dropped=n) for n in (0, 1, 2, 3, 99)]
    return chain_of("counter-7", records, KEYSET)[4]


def test_a_collector_that_takes_back_what_it_had_is_told(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:5])
    source.take("door", health_chain("door", 2, KEYSET))
    fetch(source, archive, tmp_path)
    source.claims["counter-7", 1] = 3
    del source.keys["door"]
    fetch(source, archive, tmp_path)
    assert set(lies(archive)) == {Misdeed.WITHDRAWN, Misdeed.VANISHED}
    assert archive.count() == 7


def test_an_answer_that_is_none_ends_only_its_own_chain(archive: Archive, tmp_path: Path) -> None:
    class Garbled(MemorySource):
        def page(self, device: str, epoch: int, after: int, limit: int) -> Page:
            if device == "a":
                raise UntrustedInput(Reason.MALFORMED, "no page")
            return super().page(device, epoch, after, limit)

    source = Garbled()
    for name in ("a", "b"):
        source.take(name, health_chain(name, 3, KEYSET))
    assert fetch(source, archive, tmp_path).envelopes == 3
    assert lies(archive) == [Misdeed.UNREADABLE]


def test_a_list_of_devices_without_end_or_order_is_left(archive: Archive, tmp_path: Path) -> None:
    class Endless(MemorySource):
        def directory(self, after: str | None) -> Directory:
            assert after in {None, "b"}
            return Directory(super().directory(None).devices, more=True)

    source = Endless()
    for name in ("a", "b"):
        source.take(name, health_chain(name, 1, KEYSET))
    with pytest.raises(SafecountError, match="no order or no end"):
        fetch(source, archive, tmp_path)


def test_a_nearly_full_disk_stops_the_pull_before_it_is_full(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:5])
    with pytest.raises(SafecountError, match="make room"):
        pull(source, archive, tmp_path, NOW_S, lambda _done, _of: None, least_free_bytes=1 << 62)


def test_the_archive_itself_refuses_to_change_or_forget(archive: Archive, tmp_path: Path) -> None:
    source = MemorySource()
    source.take("counter-7", LONG[:5])
    fetch(source, archive, tmp_path)
    for statement in ("DELETE FROM envelopes", "UPDATE envelopes SET raw = x'00'"):
        with pytest.raises(ArchiveError, match="append only"):
            archive._rows(statement)  # noqa: SLF001 - there is no other way to try it
    assert sha256(b"".join(kept(archive))).digest() == sha256(b"".join(LONG[:5])).digest()


def test_a_file_that_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(b"no archive" * 1000)
    with pytest.raises(ArchiveError, match="cannot be used"):
        Archive(tmp_path / "archive.db")
