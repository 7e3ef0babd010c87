"""What the fuzzers have learnt, run again each time, with some changes to it: no input breaks a parser."""

from contextlib import suppress
from importlib import import_module
from random import Random

import pytest

from fuzz.mutate import changed
from fuzz.run import CORPUS, KEPT_BYTES, kept, targets
from safecount.errors import SafecountError

CHANGES = 400


@pytest.mark.parametrize("name", targets())
def test_no_known_input_breaks_the_parser(name: str) -> None:
    target = import_module(f"fuzz.targets.{name}")
    for data in [*target.SEEDS, *kept(name)]:
        with suppress(SafecountError):
            target.one_input(data)


@pytest.mark.parametrize("name", targets())
def test_every_seed_is_taken(name: str) -> None:
    """A seed that is refused at the door would leave the fuzzer outside."""
    target = import_module(f"fuzz.targets.{name}")
    assert target.SEEDS
    for data in target.SEEDS[:1]:
        target.one_input(data)


@pytest.mark.parametrize("name", targets())
def test_changed_seeds_break_nothing(name: str) -> None:
    target = import_module(f"fuzz.targets.{name}")
    random = Random(name)
    for _ in range(CHANGES):
        data = random.choice(target.SEEDS)
        for _ in range(random.randrange(1, 4)):
            data = changed(getattr(target, "FORM", "cbor"), data, random) or _flipped(data, random)
        with suppress(SafecountError):
            target.one_input(data)


def test_the_corpora_stay_small_and_belong_to_a_target() -> None:
    assert {path.stem for path in CORPUS.iterdir()} <= set(targets())
    for name in targets():
        assert sum(map(len, kept(name))) <= KEPT_BYTES


def _flipped(data: bytes, random: Random) -> bytes:
    changed_bytes = bytearray(data or b"\0")
    changed_bytes[random.randrange(len(changed_bytes))] ^= 1 << random.randrange(8)
    return bytes(changed_bytes)
