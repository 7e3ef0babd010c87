"""The frozen bytes are what this code writes, and a reader in another language understands them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safecount.delivery.sealer import Sealer
from safecount.wire.chain import start_of
from safecount.wire.keyset import Role
from safecount.wire.record import decode_count, unpad_body
from simulators.keys import keyset, reader, signing_key
from simulators.records import HEALTH_RECORD, HOUR_RECORD
from vectors.regenerate import VECTORS, regenerated

Open = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def open_with_node(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Runs interop/open_envelope.mjs with the packages of its lock file."""
    folder = tmp_path_factory.mktemp("interop") / "interop"
    shutil.copytree(Path(__file__).parent / "interop", folder)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--silent"]
    subprocess.run(npm, cwd=folder, check=True, timeout=120)

    def run(**arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            ["node", "open_envelope.mjs"],
            cwd=folder,
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    frozen: dict[str, Any] = json.loads(VECTORS.read_text())
    return frozen


def test_the_frozen_bytes_are_what_is_written_today() -> None:
    assert regenerated() == VECTORS.read_text()


def test_what_was_frozen_when_sealed_can_still_be_opened(vectors: dict[str, Any]) -> None:
    info = bytes.fromhex(vectors["info"])
    for name, content in zip(("controller", "backup"), vectors["sealed_contents"], strict=True):
        body = reader(name).open_with_info(info, bytes.fromhex(content))
        assert body == bytes.fromhex(vectors["count_body"])
        assert decode_count(unpad_body(body)) == HOUR_RECORD


@pytest.mark.parametrize(("index", "name"), [(0, "controller"), (1, "backup")])
def test_another_language_opens_a_frozen_count(
    open_with_node: Open, vectors: dict[str, Any], index: int, name: str
) -> None:
    answer = open_with_node(
        envelope=vectors["count_envelope"],
        device_key=vectors["public_keys"]["device"],
        reader_seed=vectors["reader_seeds"][name],
        reader_index=index,
    )
    assert (answer["device"], answer["epoch"], answer["sequence"]) == ("counter-7", 1, 1)
    assert answer["digest"] == vectors["count_envelope_digest"]
    assert (answer["record"]["3"], answer["record"]["10"], answer["record"]["11"]) == ("north", -3, None)


def test_another_language_opens_what_is_sealed_now(open_with_node: Open) -> None:
    controller = reader("fresh")
    sealer = Sealer("gate-ü", signing_key("gate"), keyset(controller.recipient(Role.CONTROLLER)))
    answer = open_with_node(
        envelope=sealer.seal_count(HOUR_RECORD, start_of(9), 0).raw.hex(),
        device_key=signing_key("gate").public_key().public_bytes_raw().hex(),
        reader_seed=controller.seed.hex(),
        reader_index=0,
    )
    assert (answer["device"], answer["epoch"], answer["record"]["17"]) == ("gate-ü", 9, HOUR_RECORD.rule)


def test_another_language_reads_a_health_record_without_a_key(open_with_node: Open, vectors: dict[str, Any]) -> None:
    answer = open_with_node(envelope=vectors["health_envelope"], device_key=vectors["public_keys"]["device"])
    assert (answer["sequence"], answer["record"]["3"]) == (2, HEALTH_RECORD.version)
