"""The drill of docs/backup.md: the controller's folder is lost, and its copy goes on elsewhere."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safecount_ops.controller.archive import Archive
from safecount_ops.controller.command import command
from safecount_ops.controller.home import existing
from safecount_ops.controller.keys import load_root_public
from safecount_ops.controller.keysets import latest
from safecount_ops.controller.pull import pull
from simulators.chains import MemorySource, chain_of, hours
from simulators.keys import signing_key

NOW_S = 1_781_100_000


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def phrase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("phrase") / "phrase"
    file.write_text("correct horse battery staple\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, phrase: Path) -> Path:
    """A copied folder that had 20 counts; the folder itself is lost, and the copy has pulled 10 more."""
    folder = tmp_path_factory.mktemp("drill")
    home, kept, receipt = folder / "home", folder / "elsewhere", folder / "receipt.pem"
    key = signing_key("collector").public_key()
    receipt.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert run("init", home, "--receipt-key", receipt, "--passphrase-file", phrase).exit_code == 0
    keyset, _ = latest(existing(home), load_root_public(existing(home)))
    chain = chain_of("counter-7", hours(30), keyset)
    for place, length in ((home, 20), (kept, 30)):
        if place is kept:
            shutil.copytree(home, kept)
            shutil.rmtree(home)
        source = MemorySource()
        source.take("counter-7", chain[:length])
        with Archive(place / "archive.db") as archive:
            pull(source, archive, place, NOW_S, lambda _done, _of: None)
    return kept


def test_without_the_pass_phrase_a_copy_opens_nothing(copy: Path, tmp_path: Path) -> None:
    guess = tmp_path / "guess"
    guess.write_text("correct horse battery staples\n", encoding="utf-8")
    result = run("open", copy, "--passphrase-file", guess)
    assert "pass-phrase" in str(result.exception)
    assert run("export", copy, tmp_path / "all.json").exit_code


def test_a_copy_of_the_controller_opens_what_the_lost_one_could(copy: Path, phrase: Path, tmp_path: Path) -> None:
    assert "none removed" in run("verify", copy).output
    assert "30 new counts" in run("open", copy, "--passphrase-file", phrase).output
    assert run("export", copy, tmp_path / "all.json").exit_code == 0
    rows = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert sum(row["noisy_entered"] for row in rows if row["kind"] == "hour") == sum(range(30))
