"""What RAUC is told, and what is written for it."""

from pathlib import Path

import pytest

from safecount.edges import autoboot
from safecount.errors import SafecountError
from safecount.roles.boot_choice import answer


class Card:
    def __init__(self, folder: Path, committed: str) -> None:
        self.file = autoboot.AutobootFile(folder / "autoboot.txt")
        (folder / "autoboot.txt").write_bytes(autoboot.content(committed))

    def call(self, words: str, running: str) -> str:
        return answer(words.split(), running, self.file.committed(), self.file.commit)


@pytest.mark.parametrize(
    ("words", "running", "said"),
    [
        ("get-primary", "A", "A"),
        ("get-primary", "B", "A"),
        ("get-current", "B", "B"),
        ("get-state A", "A", "good"),
        ("get-state B", "A", "bad"),
        ("set-primary B", "A", ""),
        ("set-state B bad", "A", ""),
        ("set-state A good", "A", ""),
    ],
)
def test_an_install_writes_nothing(words: str, running: str, said: str, tmp_path: Path) -> None:
    card = Card(tmp_path, "A")
    assert card.call(words, running) == said
    assert card.file.committed() == "A"


def test_good_of_the_running_slot_is_the_commit(tmp_path: Path) -> None:
    card = Card(tmp_path, "A")
    assert card.call("set-state B good", "B") == ""
    assert card.file.committed() == "B"


@pytest.mark.parametrize("words", ["set-state A bad", "set-state B good", "set-state C bad", "", "get-state", "x y z"])
def test_what_could_leave_the_working_slot_is_refused(words: str, tmp_path: Path) -> None:
    card = Card(tmp_path, "A")
    with pytest.raises(SafecountError):
        card.call(words, "A")
    assert card.file.committed() == "A"


def test_a_card_that_does_not_take_the_write_is_an_error(tmp_path: Path) -> None:
    Card(tmp_path, "A")
    with pytest.raises(SafecountError, match="read back"):
        answer(["set-state", "B", "good"], "B", "A", lambda _slot: False)
