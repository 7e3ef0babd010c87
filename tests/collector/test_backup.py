"""The restore drill: a collector that is lost entirely comes back from its file, and devices and controller go on."""

import shutil
import sqlite3
from pathlib import Path

import pyrage
import pytest

from safecount.edges.https import HttpsSettings, HttpsTransport
from safecount.errors import SafecountError, UsageError
from safecount_ops.collector import backup
from safecount_ops.collector.backup import back_up, restore
from simulators.chains import health_chain
from simulators.device import KEYSET
from simulators.running_collector import RunningCollector, collector_command, running_collector

IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture
def identity_file(tmp_path: Path) -> Path:
    file = tmp_path / "identity.txt"
    file.write_text(f"# made by age-keygen\n{IDENTITY}\n")
    return file


def receipts(device: HttpsSettings, envelopes: list[bytes]) -> int:
    transport = HttpsTransport(device)
    answer = transport.send(envelopes)
    transport.close()
    return len(getattr(answer, "receipts", ()))


def test_the_drill(tmp_path: Path, identity_file: Path) -> None:
    file, chain = tmp_path / "collector.age", health_chain("drill", 12, KEYSET)
    with running_collector(tmp_path / "c") as collector:
        device = collector.add_device("drill")
        assert receipts(device, chain[:5]) == 5
        told = collector_command("backup", collector.folder, file, "--recipient", str(IDENTITY.to_public()))
        assert receipts(device, chain[5:8]) == 3
        port = collector.devices_url.rpartition(":")[2]
    kept = {name: (tmp_path / "c" / name).read_bytes() for name in ("drill.pem", "drill.key")}
    shutil.rmtree(tmp_path / "c")
    assert collector_command("restore", file, tmp_path / "c", "--identity", identity_file) == told
    for name, content in kept.items():  # the device's own, which were never lost
        (tmp_path / "c" / name).write_bytes(content)
    settings = tmp_path / "c" / "collector.toml"
    settings.write_text(settings.read_text().replace("[devices]", "[devices]").replace("port = 0", f"port = {port}", 1))
    again = RunningCollector(tmp_path / "c")
    again.start()
    assert receipts(device, chain[8:]) == 4, "what was receipted after the backup is a gap, and no fork"
    assert receipts(device, chain[:8]) == 8
    assert again.stop() == 0


@pytest.fixture
def small(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    collector_command("init", folder)
    return folder


def test_a_backup_that_was_touched_or_is_for_another_is_not_restored(
    tmp_path: Path, small: Path, identity_file: Path
) -> None:
    file = tmp_path / "b.age"
    back_up(small, file, str(IDENTITY.to_public()))
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    with pytest.raises(SafecountError, match="cannot be opened"):
        restore(file, tmp_path / "new", other)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(SafecountError, match="cannot be opened"):
        restore(file, tmp_path / "new", identity_file)
    file.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SafecountError, match="cannot be opened"):
        restore(file, tmp_path / "new", identity_file)
    assert not (tmp_path / "new").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"b.age", "c", "identity.txt", "other.txt"}


def test_a_damaged_database_makes_no_backup(tmp_path: Path, small: Path) -> None:
    database = small / "collector.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    raw = bytearray(database.read_bytes())
    for page in range(16_384, len(raw), 16_384):  # the head of every page but the first
        raw[page : page + 8] = b"\xaa" * 8
    database.write_bytes(raw)
    with pytest.raises(SafecountError):
        back_up(small, tmp_path / "b.age", str(IDENTITY.to_public()))
    assert not (tmp_path / "b.age").exists()


def test_wrong_names_are_told(tmp_path: Path, small: Path, identity_file: Path) -> None:
    with pytest.raises(UsageError, match="no recipient"):
        back_up(small, tmp_path / "b.age", "age1nonsense")
    with pytest.raises(UsageError, match="is there already"):
        back_up(small, identity_file, str(IDENTITY.to_public()))
    with pytest.raises(UsageError, match="is there already"):
        restore(identity_file, small, identity_file)
    with pytest.raises(UsageError, match="no identity"):
        restore(identity_file, tmp_path / "new", small / "collector.toml")


def test_what_a_backup_tells_of_is_what_is_in_it(tmp_path: Path, small: Path, identity_file: Path) -> None:
    """A backup whose manifest was made for other files, by someone who has the recipient."""
    inside, packed, file = tmp_path / "inside", tmp_path / "packed.tar", tmp_path / "b.age"
    backup._copy(small, small / "collector.db", inside)  # noqa: SLF001
    backup._pack(inside, packed)  # noqa: SLF001
    raw = packed.read_bytes().replace(b"[devices]", b"[devicez]")
    file.write_bytes(pyrage.encrypt(raw, [IDENTITY.to_public()]))
    with pytest.raises(SafecountError, match="not those that it tells of"):
        restore(file, tmp_path / "new", identity_file)
