import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.edges.data_disk import HEADER_BYTES, LUKS_MAGIC, MARKER, DataDisk, DataDiskError, Opened, State, state_of


def test_a_blank_partition_may_be_made() -> None:
    assert state_of(bytes(HEADER_BYTES)) is State.BLANK


def test_one_whose_making_was_cut_short_may_be_made_again() -> None:
    assert state_of(MARKER + os.urandom(HEADER_BYTES - len(MARKER))) is State.BLANK


def test_one_with_a_header_is_ours() -> None:
    assert state_of(LUKS_MAGIC + bytes(HEADER_BYTES - len(LUKS_MAGIC))) is State.MADE


@given(st.binary(min_size=1, max_size=64).filter(any), st.integers(0, HEADER_BYTES - 64))
def test_anything_else_within_the_first_mib_is_left_alone(content: bytes, at: int) -> None:
    first = bytearray(HEADER_BYTES)
    first[at : at + len(content)] = content
    if not first.startswith((LUKS_MAGIC, MARKER)):
        assert state_of(bytes(first)) is State.FOREIGN


def test_a_foreign_partition_is_refused_and_keeps_every_byte(tmp_path: Path) -> None:
    (tmp_path / "mmcblk0p7").write_bytes(content := os.urandom(2 * HEADER_BYTES))
    with pytest.raises(DataDiskError, match=r"mmcblk0p7 holds something that safecount did not write"):
        DataDisk(tmp_path / "mmcblk0").open(None)
    assert (tmp_path / "mmcblk0p7").read_bytes() == content


def test_a_card_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataDiskError, match=r"vda7 cannot be read \(No such file"):
        DataDisk(tmp_path / "vda").open(None)


def test_erasing_leaves_a_partition_that_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "vda7").write_bytes(LUKS_MAGIC + os.urandom(2 * HEADER_BYTES))
    DataDisk(tmp_path / "vda").erase()
    first = (tmp_path / "vda7").read_bytes()[:HEADER_BYTES]
    assert state_of(first) is State.BLANK
    assert not any(first[len(MARKER) :]), "nothing of the old header is left"


def card_tools(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Programs for cards, as scripts, in the place of this machine's."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_card_that_is_too_small_is_told_with_what_it_leaves_and_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card_tools(tmp_path, monkeypatch, sfdisk="cat >/dev/null", partx="exit 0")
    (tmp_path / "vda7").write_bytes(bytes(8 << 20))
    with pytest.raises(DataDiskError, match=r"leaves 8 MiB for data, less than 64; use a card of 2 GB or more"):
        DataDisk(tmp_path / "vda").open(None)
    assert not any((tmp_path / "vda7").read_bytes()), "nothing was begun"


def test_a_worn_card_is_told_in_the_words_of_the_program_that_met_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card_tools(tmp_path, monkeypatch, sfdisk="cat >/dev/null; echo 'vda: Input/output error' >&2; exit 1")
    (tmp_path / "vda7").write_bytes(bytes(2 << 20))
    with pytest.raises(DataDiskError, match=r"sfdisk failed on the data partition and said: vda: Input/output error"):
        DataDisk(tmp_path / "vda").open(None)


@pytest.mark.parametrize(
    ("preened", "checked", "expected"),
    [(0, 0, Opened.AS_IT_WAS), (1, 0, Opened.AS_IT_WAS), (8, 1, Opened.MENDED), (4, 1, Opened.MENDED)],
)
def test_a_file_system_that_its_journal_does_not_mend_is_checked_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preened: int, checked: int, expected: Opened
) -> None:
    e2fsck = f'test "$1" = -p && exit {preened}; exit {checked}'
    card_tools(tmp_path, monkeypatch, cryptsetup="cat >/dev/null", e2fsck=e2fsck)
    (tmp_path / "vda7").write_bytes(LUKS_MAGIC + bytes(HEADER_BYTES))
    assert DataDisk(tmp_path / "vda").open(None) is expected


def test_a_file_system_beyond_mending_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card_tools(tmp_path, monkeypatch, cryptsetup="cat >/dev/null", e2fsck="echo 'no way' >&2; exit 8")
    (tmp_path / "vda7").write_bytes(LUKS_MAGIC + bytes(HEADER_BYTES))
    with pytest.raises(DataDiskError, match="e2fsck failed on the data partition and said: no way"):
        DataDisk(tmp_path / "vda").open(None)
