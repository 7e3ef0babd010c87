"""The controller's secrets and keysets: only the pass-phrase opens them, and each keyset follows the one before."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from safecount.errors import SafecountError, UsageError
from safecount.wire.keyset import Keyset, Role, sign_keyset, verify_keyset
from safecount_ops.__main__ import main
from safecount_ops.controller import keysets, passphrase
from safecount_ops.controller.home import Home, existing
from safecount_ops.controller.key_commands import create
from safecount_ops.controller.keys import (
    KeyFileError,
    load_reader_key,
    load_reader_public,
    load_root_key,
    load_root_public,
    reader_files,
    reader_key,
)
from simulators.keys import reader, signing_key

PHRASE = "correct horse battery staple"
NOW_S = 1_781_100_000
COLLECTOR = signing_key("collector").public_key()
NEW, BACKUP = reader("new").public_key, reader("backup").public_key


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return create(tmp_path_factory.mktemp("made") / "controller", COLLECTOR, BACKUP, PHRASE, NOW_S)


def test_a_new_folder_holds_keys_that_only_the_pass_phrase_opens(home: Home) -> None:
    root = load_root_key(home, PHRASE)
    assert root.public_key() == load_root_public(home)
    (file,) = reader_files(home)
    opened = load_reader_key(file, PHRASE)
    assert load_reader_public(file.with_suffix(".pub")) == opened.public_key
    with pytest.raises(KeyFileError, match="does not open"):
        load_root_key(home, PHRASE + "r")


def test_nobody_else_may_read_the_folder_and_no_secret_lies_open(home: Home) -> None:
    for path in [home.folder, *home.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    for path in home.keys.glob("*.age"):
        assert path.read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
        assert b"BEGIN" not in path.read_bytes()


def test_keyset_one_is_what_devices_take(home: Home) -> None:
    keyset, raw = keysets.latest(home, load_root_public(home))
    assert keyset == verify_keyset(raw, [load_root_public(home)])
    (file,) = reader_files(home)
    mine = load_reader_public(file.with_suffix(".pub"))
    assert [one.public_key for one in keyset.readers_at(NOW_S)] == [mine, BACKUP]
    assert keyset.serial == 1


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        create(tmp_path, COLLECTOR, None, PHRASE, NOW_S)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"age-encryption.org/v1\n-> scrypt AAAA 1\n", bytes(20_000)])
def test_a_key_file_that_is_none_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    for name, load in (("r.age", lambda f: load_reader_key(f, PHRASE)), ("r.pub", load_reader_public)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KeyFileError, match=r"^The (key|file) .*\.$"):
            load(tmp_path / name)


FIRST = keysets.first(reader("controller").public_key, BACKUP, COLLECTOR.public_bytes_raw(), NOW_S)
YEAR_S = 365 * keysets.DAY_S


def test_renewing_keeps_the_readers_and_moves_their_end() -> None:
    later_s = NOW_S + YEAR_S
    renewed = keysets.renewed(FIRST, later_s)
    assert (renewed.serial, len(renewed.recipients)) == (2, 2)
    assert {one.not_after_s for one in renewed.recipients} == {later_s + keysets.VALID_S}
    assert renewed.readers_at(later_s + keysets.VALID_S - 1) == renewed.recipients


def test_after_a_rotation_the_new_key_reads_from_its_day_on_and_the_backup_stays() -> None:
    from_s = NOW_S + 30 * keysets.DAY_S
    rotated = keysets.rotated(FIRST, Role.CONTROLLER, NEW, NOW_S, from_s)
    assert [one.public_key for one in rotated.readers_at(from_s - 1)] == [reader("controller").public_key, BACKUP]
    assert [one.public_key for one in rotated.readers_at(from_s)] == [NEW, BACKUP]
    old = next(one for one in rotated.recipients if one.public_key == reader("controller").public_key)
    assert old.not_after_s == from_s + keysets.OVERLAP_S
    gone = keysets.renewed(rotated, old.not_after_s + 1)
    assert [one.public_key for one in gone.recipients] == [BACKUP, NEW], "a key that has run out is left behind"


def test_a_new_key_each_quarter_goes_on_for_years_and_one_reads_at_any_time() -> None:
    ring, quarter_s = FIRST, 91 * keysets.DAY_S
    for n in range(1, 17):
        now_s = NOW_S + n * quarter_s
        ring = keysets.rotated(
            ring, Role.CONTROLLER, reader(f"quarter {n}").public_key, now_s, now_s + 7 * keysets.DAY_S
        )
        if n % 4 == 0:
            ring = keysets.renewed(ring, now_s)  # the backup's key stays
        assert len(ring.recipients) <= 4
        verify_keyset(
            sign_keyset(ring, signing_key("root")), [signing_key("root").public_key()], newer_than=ring.serial - 1
        )
        for at_s in (now_s, now_s + quarter_s):
            assert [one.role for one in ring.readers_at(at_s)].count(Role.CONTROLLER) == 1


def test_a_key_is_never_named_twice_nor_a_ninth_one() -> None:
    with pytest.raises(UsageError, match="already"):
        keysets.rotated(FIRST, Role.BACKUP, BACKUP, NOW_S, NOW_S)
    full = FIRST
    for n in range(6):
        full = keysets.rotated(full, Role.CONTROLLER, reader(f"n{n}").public_key, NOW_S, NOW_S + n)
    with pytest.raises(UsageError, match="8 keys"):
        keysets.rotated(full, Role.CONTROLLER, NEW, NOW_S, NOW_S)


def test_collectors_come_and_go_but_never_all() -> None:
    other = signing_key("other").public_key().public_bytes_raw()
    both = keysets.with_collector(FIRST, other)
    assert keysets.without_collector(both, FIRST.collectors[0]).collectors == (other,)
    with pytest.raises(UsageError):
        keysets.without_collector(FIRST, FIRST.collectors[0])
    with pytest.raises(UsageError):
        keysets.with_collector(FIRST, FIRST.collectors[0])


STEPS = st.lists(
    st.tuples(st.sampled_from(["renew", "rotate", "backup"]), st.integers(0, 900), st.integers(0, 400)), max_size=12
)


@given(STEPS)
def test_whatever_is_done_each_keyset_is_one_that_devices_take(steps: list[tuple[str, int, int]]) -> None:
    root = Ed25519PrivateKey.generate()
    last, now_s = FIRST, NOW_S
    for number, (step, after_days, in_days) in enumerate(steps):
        now_s += after_days * keysets.DAY_S
        try:
            following = step_from(last, step, now_s, now_s + in_days * keysets.DAY_S, number)
        except UsageError:
            continue
        last = verify_keyset(sign_keyset(following, root), [root.public_key()], newer_than=last.serial)
        assert last.readers_at(now_s)[0].role is Role.CONTROLLER
        assert len(last.readers_at(now_s)) == 2


KEYS = [reader(f"key {n}").public_key for n in range(12)]


def step_from(last: Keyset, step: str, now_s: int, from_s: int, number: int) -> Keyset:
    if step == "renew":
        return keysets.renewed(last, now_s)
    role = Role.CONTROLLER if step == "rotate" else Role.BACKUP
    return keysets.rotated(last, role, KEYS[number], now_s, from_s)


def test_a_keyset_that_somebody_else_signed_is_not_gone_on_from(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path)
    copy.keysets.mkdir()
    forged = sign_keyset(FIRST, signing_key("thief"))
    (copy.keysets / "000009.keyset").write_bytes(forged)
    with pytest.raises(SafecountError, match="cannot be used"):
        keysets.latest(copy, load_root_public(home))


def test_the_key_pair_is_that_of_the_seed() -> None:
    assert reader_key(reader("x").seed).public_key == reader("x").public_key
    assert "seed" not in repr(reader_key(bytes(32)))


def ops(*arguments: object, phrase: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safecount_ops", "controller", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_a_life_of_keysets_on_the_command_line(tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.pub"
    receipt.write_bytes(COLLECTOR.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE + "\n")
    folder, given = tmp_path / "controller", ("--passphrase-file", phrase)
    assert "Made" in ops("init", folder, "--receipt-key", receipt, *given).stdout
    rotated = ops("keyset", "rotate", folder, "--in-days", "3", *given)
    assert rotated.returncode == 0, rotated.stderr
    shown = ops("keyset", "show", folder).stdout
    assert shown.startswith("Keyset 2\n")
    assert shown.count("in use now") == 1
    assert len(list((folder / "keys").glob("*.age"))) == 3
    nowhere = ops("keyset", "publish", folder)
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("init", "{}/new", "--receipt-key", "{}/none"), "cannot be read"),
        (("keyset", "show", "{}/none"), "no controller's folder"),
        (("pull", "{}/none"), "no controller's folder"),
        (("key", "{}/k", "--passphrase-file", "{}/none"), "cannot be read"),
        (("key", "{}/k", "--passphrase-file", "{}/short"), "at least 12"),
        (("key", "{}/k", "--passphrase-file", "{}/long"), "one line"),
        (("key", "{}/k"), "no terminal"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "long").write_text("a line\nand another line\n")
    assert main(["controller", *(argument.format(tmp_path) for argument in arguments)]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert told.count("\n") == 1


def test_a_pass_phrase_may_come_by_a_descriptor(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("twelve letters\r\n")
    with (tmp_path / "phrase").open() as file:
        assert passphrase.ask(Path(f"/dev/fd/{file.fileno()}"), "it", new=True) == "twelve letters"


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no controller's folder"):
        existing(tmp_path)
