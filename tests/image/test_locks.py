import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from safecount_image import wheels
from safecount_image.board import FOLDER, REPOSITORY, read_board
from safecount_image.errors import BuildError
from safecount_image.packages import read_lock, write_lock

LOCKS = sorted((FOLDER / "locks").glob("*.tsv"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_names_each_package_once_by_hash_and_no_archive(path: Path) -> None:
    assert "://" not in path.read_text(encoding="utf-8")
    packages = read_lock(path)
    assert len({(p.name, p.place) for p in packages}) == len(packages) > 0
    assert all(re.fullmatch(r"[0-9a-f]{64}", p.sha256) for p in packages)
    assert packages == sorted(packages)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_all_that_its_board_asks_for(path: Path) -> None:
    board = read_board(path.stem)
    names = {p.name for p in read_lock(path) if p.place == "root"}
    assert {name.partition("/")[0] for name in board.packages} <= names
    assert len([p for p in read_lock(path) if p.place == "kernel"]) == len(board.kernels)


def test_a_lock_comes_back_as_it_was_written(tmp_path: Path) -> None:
    packages = read_lock(LOCKS[0])
    write_lock(tmp_path / "lock", packages)
    assert (tmp_path / "lock").read_bytes() == LOCKS[0].read_bytes()


def test_a_damaged_lock_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "virt.tsv").write_text("name\nroot\tonly two\n")
    with pytest.raises(BuildError, match="renew it with make lock-image"):
        read_lock(tmp_path / "virt.tsv")


def test_the_device_runs_the_versions_that_the_desk_tests() -> None:
    text = (REPOSITORY / "tools/locks/run.txt").read_text(encoding="utf-8")
    desk: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE):
        desk.setdefault(name, set()).add(version)
    for name, version in wheels.locked().items():
        assert version in desk[name], f"{name} is another on the device; run make lock"


def test_the_wheels_are_all_that_the_device_needs() -> None:
    import tomllib  # noqa: PLC0415

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = wheels.locked()
    for line in project["dependencies"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(locked.get(requirement.name, "0")), f"{line}: run make lock"
