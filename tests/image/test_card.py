import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debian import need
from safecount_image.card import AUTOBOOT, MIB, SECTOR_BYTES, layout, make_card, partition_table
from safecount_image.errors import BuildError
from safecount_image.sizes import Sizes

SMALL = Sizes(selector=2, boot=3, root=4, data=2)


class HostTools:
    """Runs the build's programs from this machine instead of from the tool tree."""

    def command(self, arguments: list[object], **_folders: object) -> list[str]:
        program, *rest = map(str, arguments)
        return [need(program), *rest]


sizes = st.builds(Sizes, *(st.integers(1, 4096) for _ in range(4)))


@given(sizes)
def test_partitions_follow_each_other_and_each_logical_one_has_room_for_its_own_record(chosen: Sizes) -> None:
    by_number = {p.number: p for p in layout(chosen)}
    primary = [by_number[n] for n in (1, 2, 3, 4)]
    for before, after in pairwise(primary):
        assert before.start_mib + before.size_mib == after.start_mib
    logical = [by_number[n] for n in (5, 6, 7)]
    end = by_number[4].start_mib
    for partition in logical:
        assert partition.start_mib == end + 1
        end = partition.start_mib + partition.size_mib
    assert end == by_number[4].start_mib + by_number[4].size_mib


@given(sizes)
def test_both_slots_are_alike(chosen: Sizes) -> None:
    by_name = {p.name: p for p in layout(chosen)}
    for kind in ("boot", "root"):
        assert by_name[f"{kind}-a"].size_mib == by_name[f"{kind}-b"].size_mib
        assert by_name[f"{kind}-a"].kind == by_name[f"{kind}-b"].kind


def test_the_selector_fits_one_sector_so_that_a_cut_cannot_tear_it() -> None:
    assert len(AUTOBOOT) <= SECTOR_BYTES


def test_the_table_is_one_that_sfdisk_reads_back_the_same(tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    make_card(HostTools(), card, SMALL, {})  # type: ignore[arg-type]
    told = subprocess.run([need("sfdisk"), "--dump", card], check=True, capture_output=True, text=True).stdout
    for partition in layout(SMALL):
        line = next(x for x in told.splitlines() if x.startswith(f"{card}{partition.number} "))
        fields = dict(part.strip().split("=") for part in line.partition(":")[2].split(","))
        assert int(fields["start"]) * SECTOR_BYTES == partition.start_mib * MIB
        assert int(fields["size"]) * SECTOR_BYTES == partition.size_mib * MIB
    assert "label-id: 0x5afec047" in partition_table(layout(SMALL))


def test_contents_lie_in_their_partitions_and_the_first_mib_of_data_is_written_zeros(tmp_path: Path) -> None:
    content = tmp_path / "root"
    content.write_bytes(os.urandom(3 * MIB))
    card = tmp_path / "card.img"
    make_card(HostTools(), card, SMALL, {"root-a": content})  # type: ignore[arg-type]
    by_name = {p.name: p for p in layout(SMALL)}
    with card.open("rb") as file:
        file.seek(by_name["root-a"].start_mib * MIB)
        assert file.read(3 * MIB) == content.read_bytes()
        data = by_name["data"].start_mib * MIB
        assert os.lseek(file.fileno(), data, os.SEEK_DATA) == data, "a hole would leave an old card's bytes in place"
        assert os.lseek(file.fileno(), data, os.SEEK_HOLE) == data + MIB


def test_what_does_not_fit_its_partition_is_an_error_that_names_both(tmp_path: Path) -> None:
    content = tmp_path / "root.erofs"
    content.write_bytes(bytes(4 * MIB + 1))
    with pytest.raises(BuildError, match=r"root\.erofs has 4 MiB, more than the 4 MiB of root-a"):
        make_card(HostTools(), tmp_path / "card.img", SMALL, {"root-a": content})  # type: ignore[arg-type]
