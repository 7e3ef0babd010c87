"""A site code lets in one device, however many processes of the collector it is shown to at once."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from safecount_ops.collector.database import Database
from safecount_ops.enrolment.tokens import Tokens, Verdict
from simulators.postgres import postgres_cluster

TOKENS = [bytes([number]) * 16 for number in range(20)]
PROCESSES = 2


@contextmanager
def database(kind: str, tmp_path: Path) -> Iterator[Path | str]:
    if kind == "SQLite":
        yield tmp_path / "collector.db"
    else:
        with postgres_cluster() as address:
            yield address


def redeem_all(where: Path | str, device: str, begin: Barrier) -> list[str]:
    """What each token was good for; the others take the same ones at the same time."""
    tokens = Tokens(Database(where))
    said = []
    for token in TOKENS:
        begin.wait(30)
        said.append(tokens.redeem(token, "sc-1", device, 1).name)
    tokens.database.close()
    return said


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_each_token_lets_in_one_of_the_devices_that_race_for_it(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as where, multiprocessing.get_context("spawn").Manager() as manager:
        ours = Database(where)
        ours.create()
        for token in TOKENS:
            Tokens(ours).add(token, "sc-1", 100)
        begin = manager.Barrier(PROCESSES)
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            devices = [f"device-{number}" for number in range(PROCESSES)]
            said = pool.starmap(redeem_all, [(where, device, begin) for device in devices], chunksize=1)
        for number, of_one in enumerate(zip(*said, strict=True)):
            assert Counter(of_one) == {"GOOD": 1, "USED": PROCESSES - 1}, number
            winner = devices[of_one.index("GOOD")]
            assert Tokens(ours).redeem(TOKENS[number], "sc-1", winner, 2) is Verdict.GOOD
        ours.close()
