from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safecount.edges.seal_keys import KeysUnusable, current_keyset, signing_key, take_keyset
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.keyset import sign_keyset
from simulators import keys
from simulators.device import KEYSET

ROOT, STRANGER, DEVICE_KEY = keys.signing_key("root"), keys.signing_key("stranger"), keys.signing_key("device")
NEWER = replace(KEYSET, serial=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pem = DEVICE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "signing.pem").write_bytes(pem)
    (tmp_path / "root.pub").write_bytes(ROOT.public_key().public_bytes_raw())
    (tmp_path / "keyset.cbor").write_bytes(sign_keyset(KEYSET, ROOT))
    return tmp_path


def test_what_provisioning_has_put_there_is_used(folder: Path) -> None:
    key = signing_key(folder)
    assert key is not None
    assert key.private_bytes_raw() == DEVICE_KEY.private_bytes_raw()
    assert current_keyset(folder) == KEYSET


@pytest.mark.parametrize("name", ["signing.pem", "root.pub", "keyset.cbor"])
def test_before_provisioning_there_is_none(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert (signing_key(folder) if name == "signing.pem" else current_keyset(folder)) is None


@pytest.mark.parametrize("damage", [b"", b"\0" * 5000, b"-----BEGIN PRIVATE KEY-----\n", "ec"])
def test_a_damaged_signing_key_is_told_with_what_to_do(folder: Path, damage: bytes | str) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signing.pem").write_bytes(other if isinstance(damage, str) else damage)
    with pytest.raises(KeysUnusable, match="enrol the device again"):
        signing_key(folder)


@pytest.mark.parametrize(("name", "content"), [("root.pub", b"short"), ("keyset.cbor", b"\xa0"), ("keyset.cbor", b"")])
def test_a_damaged_keyset_or_root_is_told_with_what_to_do(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(KeysUnusable, match="enrol the device again"):
        current_keyset(folder)


def test_a_newer_keyset_of_the_same_root_takes_the_place(folder: Path) -> None:
    assert take_keyset(folder, sign_keyset(NEWER, ROOT), newer_than=1) == NEWER
    assert current_keyset(folder) == NEWER
    assert not [one.name for one in folder.iterdir() if one.name.endswith(".new")]


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (sign_keyset(NEWER, STRANGER), Reason.BAD_SIGNATURE),
        (sign_keyset(KEYSET, ROOT), Reason.STALE),
        (b"\xff" * 70_000, Reason.TOO_LARGE),
    ],
)
def test_anything_else_is_refused_and_the_one_in_use_stays(folder: Path, offered: bytes, reason: Reason) -> None:
    with pytest.raises(UntrustedInput) as refused:
        take_keyset(folder, offered, newer_than=1)
    assert refused.value.reason is reason
    assert current_keyset(folder) == KEYSET


def test_a_disk_that_takes_nothing_leaves_the_one_in_use(folder: Path) -> None:
    (folder / ".keyset.cbor.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        take_keyset(folder, sign_keyset(NEWER, ROOT), newer_than=1)
    assert current_keyset(folder) == KEYSET
