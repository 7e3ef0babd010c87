"""The sources of what is in an image: which they are, and that the archive gives them, whole."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from safecount_image.board import read_board
from safecount_image.corresponding import fetch_sources, sources_of
from safecount_image.errors import BuildError
from safecount_image.packages import Package
from safecount_image.toolbox import Toolbox

SMALL = "hostname"


def package(name: str, version: str) -> Package:
    return Package("root", name, version, "arm64", "a" * 64, f"{name}.deb")


def test_a_source_is_told_by_name_version_and_what_was_built_in() -> None:
    index = {
        ("hostname", "3.25"): {},
        ("libkrb5-3", "1.21-5"): {"Source": "krb5"},
        ("libblkid1", "2.41.5-0+b1"): {"Source": "util-linux (2.41.5-0)"},
        ("linux-image-arm64", "6.12.1-1"): {
            "Source": "linux-signed-arm64 (6.12.1+1)",
            "Built-Using": "linux (= 6.12.1-1), other (= 1:2)",
        },
    }
    assert sources_of([package(*key) for key in index], index) == [
        ("hostname", "3.25"),
        ("krb5", "1.21-5"),
        ("linux", "6.12.1-1"),
        ("linux-signed-arm64", "6.12.1+1"),
        ("other", "1:2"),
        ("util-linux", "2.41.5-0"),
    ]
    with pytest.raises(BuildError, match="no longer has gone 1"):
        sources_of([package("gone", "1")], index)


@pytest.mark.image
def test_the_archive_gives_the_source_that_its_description_names(toolbox: Toolbox, tmp_path: Path) -> None:
    ((name, version),) = fetch_sources(read_board("virt"), toolbox, tmp_path / "out", frozenset({SMALL}))
    described = (tmp_path / "out" / f"{name}_{version}.dsc").read_text(encoding="utf-8")
    hashes = described.partition("Checksums-Sha256:")[2].partition("\nFiles:")[0]
    listed = re.findall(r"^ ([0-9a-f]{64}) \d+ (\S+)$", hashes, re.MULTILINE)
    assert listed
    for told, file in listed:
        assert sha256((tmp_path / "out" / file).read_bytes()).hexdigest() == told
    sums = (tmp_path / "out/SHA256SUMS").read_text().splitlines()
    assert len(sums) == len(listed) + 1
