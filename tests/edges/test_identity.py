"""The keys are made once, kept over restarts and cuts, and shown to nobody."""

from pathlib import Path

import pytest

from safecount.edges.durable_file import remove_file, replace_file
from safecount.edges.identity import load_identity
from safecount.errors import SafecountError
from safecount.wire.enrolment import verify_statement


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    made = (tmp_path / "provision", tmp_path / "seal", tmp_path / "uplink")
    for folder in made:
        folder.mkdir()
    return made


def test_keys_are_made_once_and_kept(folders: tuple[Path, Path, Path]) -> None:
    first, second = load_identity(*folders), load_identity(*folders)
    assert (first.device, first.label) == (second.device, second.label)
    assert first.statement() == second.statement()
    assert first.device.startswith(first.serial + ".")


def test_private_keys_are_for_their_owner_and_group_alone(folders: tuple[Path, Path, Path]) -> None:
    load_identity(*folders)
    provision, seal, uplink = folders
    assert {path.name: path.stat().st_mode & 0o777 for path in provision.iterdir()} == {
        "identity.pem": 0o600,
        "ownership.secret": 0o600,
    }
    assert (seal / "signing.pem").stat().st_mode & 0o777 == 0o640
    assert (uplink / "tls.key.pem").stat().st_mode & 0o777 == 0o640


def test_a_new_owner_gets_new_keys_for_the_same_serial(folders: tuple[Path, Path, Path]) -> None:
    before = load_identity(*folders)
    remove_file(folders[1] / "signing.pem")
    remove_file(folders[2] / "tls.key.pem")
    after = load_identity(*folders)
    assert after.serial == before.serial
    assert after.label == before.label
    assert after.device != before.device
    assert after.statement() != before.statement()


def test_the_statement_is_for_the_keys_there_are(folders: tuple[Path, Path, Path]) -> None:
    identity = load_identity(*folders)
    statement = verify_statement(identity.statement(), identity.tls_key_digest)
    assert statement.device == identity.device
    assert statement.envelope_key == identity.envelope_key.public_key().public_bytes_raw()


def test_no_private_value_stands_in_a_repr(folders: tuple[Path, Path, Path]) -> None:
    identity = load_identity(*folders)
    assert repr(identity) == f"Identity({identity.device!r})"


@pytest.mark.parametrize(
    ("folder", "name"), [(0, "identity.pem"), (0, "ownership.secret"), (1, "signing.pem"), (2, "tls.key.pem")]
)
def test_a_damaged_key_is_told_and_not_replaced(folders: tuple[Path, Path, Path], folder: int, name: str) -> None:
    load_identity(*folders)
    (folders[folder] / name).write_bytes(b"-----BEGIN rubbish")
    with pytest.raises(SafecountError, match=name):
        load_identity(*folders)
    assert (folders[folder] / name).read_bytes() == b"-----BEGIN rubbish"


def test_a_key_of_another_kind_is_told(folders: tuple[Path, Path, Path]) -> None:
    load_identity(*folders)
    (folders[1] / "signing.pem").write_bytes((folders[2] / "tls.key.pem").read_bytes())
    with pytest.raises(SafecountError, match=r"signing\.pem"):
        load_identity(*folders)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SafecountError, match="data partition"):
        load_identity(tmp_path / "no", tmp_path / "such", tmp_path / "folder")


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / ".file.new").write_bytes(b"what a cut has left")
    replace_file(path, b"one", 0o600)
    replace_file(path, b"two", 0o644)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_a_cut_has_left_is_no_hindrance_whoever_made_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / ".file.new").symlink_to(tmp_path / "elsewhere")
    replace_file(tmp_path / "file", b"one")
    assert (tmp_path / "file").read_bytes() == b"one"
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"
