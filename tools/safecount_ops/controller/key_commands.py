"""`controller init`, `key` and `keyset`."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.errors import UsageError
from safecount.wire.keyset import Keyset, Role
from safecount.wire.suite import key_id
from safecount_ops.controller import keysets, passphrase
from safecount_ops.controller.home import Home, existing, make_folder
from safecount_ops.controller.https import CollectorClient
from safecount_ops.controller.keys import (
    load_ed25519_public,
    load_reader_public,
    load_root_key,
    load_root_public,
    new_reader_key,
    save_reader_key,
    save_root_key,
)

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
ROLES = {"controller": Role.CONTROLLER, "backup": Role.BACKUP}


def create(folder: Path, collector: Ed25519PublicKey, backup: bytes | None, phrase: str, now_s: int) -> Home:
    """Make a controller's folder with its keys and keyset 1.

    Raises:
        UsageError: the folder has something in it, or cannot be written.
    """
    home = Home(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"The folder {folder} is not empty: keys are never written over. Name another one.")
    for path in (folder, home.keys, home.keysets, home.table):
        make_folder(path)
    root, reader = Ed25519PrivateKey.generate(), new_reader_key()
    save_root_key(home, root, phrase)
    save_reader_key(home.keys, reader, phrase)
    keysets.store(home, keysets.first(reader.public_key, backup, collector.public_bytes_raw(), now_s), root)
    return home


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--receipt-key", type=FILE, required=True, help="The collector's receipt key, a PEM file.")
@click.option("--backup", type=FILE, help="A second reader's public key, reader-ID.pub, of `controller key`.")
@passphrase.option
def init(folder: Path, receipt_key: Path, backup: Path | None, passphrase_file: Path | None) -> None:
    """Make the controller's FOLDER: root key, reader key, keyset 1."""
    collector = load_ed25519_public(receipt_key)
    second = load_reader_public(backup) if backup else None
    phrase = passphrase.ask(passphrase_file, "the new keys", new=True)
    home = create(folder, collector, second, phrase, int(time.time()))
    print(f"Made {folder}. Devices need {home.keys / 'root.pub'} when they are enrolled.")
    print("Copy the folder keys to a safe place: without a reader key and its pass-phrase nothing can be opened.")


@click.command()
@click.argument("folder", type=FOLDER)
@passphrase.option
def key(folder: Path, passphrase_file: Path | None) -> None:
    """Make a reader key in FOLDER. Its holder keeps reader-ID.age, and gives reader-ID.pub to the controller."""
    make_folder(folder)
    phrase = passphrase.ask(passphrase_file, "the new reader key", new=True)
    print(f"Made {save_reader_key(folder, new_reader_key(), phrase)} and the secret beside it.")


@click.group()
def keyset() -> None:
    """Show, renew, change and publish the keyset: who may read, and whose receipts devices believe."""


@keyset.command()
@click.argument("folder", type=FOLDER)
def show(folder: Path) -> None:
    """Show the newest keyset."""
    home = existing(folder)
    print(described(keysets.latest(home, load_root_public(home))[0], int(time.time())))


@keyset.command()
@click.argument("folder", type=FOLDER)
@passphrase.option
def renew(folder: Path, passphrase_file: Path | None) -> None:
    """The same keys for two years more."""
    home = existing(folder)
    last, _ = keysets.latest(home, load_root_public(home))
    root = load_root_key(home, passphrase.ask(passphrase_file, "the root key"))
    _store(home, keysets.renewed(last, int(time.time())), root)


@keyset.command()
@click.argument("folder", type=FOLDER)
@click.option("--role", type=click.Choice(list(ROLES)), default="controller", show_default=True)
@click.option("--public", type=FILE, help="The new key's public half; without it a new key is made here (controller).")
@click.option("--in-days", type=click.IntRange(0, 365), default=0, show_default=True, help="When it begins to be used.")
@passphrase.option
def rotate(folder: Path, role: str, public: Path | None, in_days: int, passphrase_file: Path | None) -> None:
    """Put a new key in the place of the controller's or the backup's, or add a backup.

    Keep the old key: what was sealed for it opens with nothing else.
    """
    home = existing(folder)
    if public is None and role != "controller":
        raise UsageError("A backup's key is made by its holder, with `controller key`: name it with --public.")
    last, _ = keysets.latest(home, load_root_public(home))
    given = load_reader_public(public) if public else None
    phrase = passphrase.ask(passphrase_file, "the root key, and of a new reader key")
    root = load_root_key(home, phrase)
    now_s = int(time.time())
    new = None if given else new_reader_key()
    from_s = now_s + in_days * keysets.DAY_S if in_days else now_s - keysets.DAY_S
    following = keysets.rotated(last, ROLES[role], given or (new.public_key if new else b""), now_s, from_s)
    if new is not None:
        save_reader_key(home.keys, new, phrase)
    _store(home, following, root)


@keyset.command("collector")
@click.argument("folder", type=FOLDER)
@click.option("--add", type=FILE, help="PEM file of a receipt key to believe.")
@click.option("--remove", type=FILE, help="PEM file of a receipt key to believe no more.")
@passphrase.option
def collectors(folder: Path, add: Path | None, remove: Path | None, passphrase_file: Path | None) -> None:
    """Say whose receipts devices believe. During a change of collector, name both for a while."""
    home = existing(folder)
    last, _ = keysets.latest(home, load_root_public(home))
    following = last
    if add:
        following = keysets.with_collector(following, load_ed25519_public(add).public_bytes_raw())
    if remove:
        following = keysets.without_collector(following, load_ed25519_public(remove).public_bytes_raw())
    if following is last:
        raise UsageError("Name a key with --add or --remove.")
    _store(home, following, load_root_key(home, passphrase.ask(passphrase_file, "the root key")))


@keyset.command()
@click.argument("folder", type=FOLDER)
def publish(folder: Path) -> None:
    """Give the newest keyset to the collector, from where devices fetch it."""
    home = existing(folder)
    newest, signed = keysets.latest(home, load_root_public(home))
    with CollectorClient(home.collector()) as collector:
        collector.put_keyset(signed)
    print(f"Keyset {newest.serial} is published; devices fetch it on their next visit.")


def _store(home: Home, following: Keyset, root: Ed25519PrivateKey) -> None:
    path = keysets.store(home, following, root)
    print(described(following, int(time.time())))
    print(f"Signed: {path}. Publish it with `safecount-ops controller keyset publish {home.folder}`.")


def described(keyset_: Keyset, now_s: int) -> str:
    """A keyset in words, a line a key."""
    readers = keyset_.readers_at(now_s)
    lines = [f"Keyset {keyset_.serial}"]
    for one in keyset_.recipients:
        used = ", in use now" if one in readers else ""
        lines.append(
            f"  {one.role.name.lower():<10} {key_id(one.public_key).hex()}  "
            f"{_day(one.not_before_s)} to {_day(one.not_after_s)}{used}"
        )
    lines += [f"  receipts   {collector.hex()}" for collector in keyset_.collectors]
    return "\n".join(lines)


def _day(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).date().isoformat()
