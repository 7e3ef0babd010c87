"""`backup` and `restore`: all that a collector is, in one encrypted file, checked before it counts as made or put back.

The file is age (https://age-encryption.org) around a tar, to a recipient whose identity need not be at hand: a manifest of
digests first, then the database as of one moment, the keys, the settings and the tokens. A restore reads it all, checks
every digest, the database's own consistency and the audit log, and only then is there a folder. What devices were
receipted for after the backup is not in it: it shows as missing.
"""

import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from hashlib import file_digest
from pathlib import Path

import pyrage

from safecount.errors import SafecountError, UsageError
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.settings import SETTINGS_FILE, read_settings

MANIFEST = "manifest.json"
DATABASE_FILE = "collector.db"
_FILES = (SETTINGS_FILE, "site-signer.pem")
_FORMAT = 1


def back_up(folder: Path, target: Path, recipient: str) -> audit.Head:
    """Write all of the collector in `folder`, which may be running, to the new file `target`. The head of its audit log.

    Raises:
        SafecountError: something cannot be read or written; there is no `target` then.
    """
    settings = read_settings(folder)
    if not isinstance(settings.database, Path):
        raise UsageError("This collector's database is PostgreSQL: back it up with pg_dump, and copy the folder.")
    if target.exists():
        raise UsageError(f"{target} is there already; name a new file.")
    to = _recipient(recipient)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".backup-") as name:
        inside = Path(name) / "collector"
        _copy(folder, settings.database, inside)
        head = check(inside)
        packed, beside = Path(name) / "packed.tar", Path(name) / "packed.age"
        _pack(inside, packed)
        try:
            with packed.open("rb") as plain, beside.open("xb") as sealed:
                pyrage.encrypt_io(plain, sealed, [to])
        except (OSError, pyrage.EncryptError) as error:
            raise SafecountError(f"The backup {target} cannot be written: {error}.") from error
        beside.chmod(0o600)
        beside.rename(target)
    return head


def restore(source: Path, folder: Path, identity_file: Path) -> audit.Head:
    """Make the collector's `folder` of a backup. The head of its audit log.

    Raises:
        SafecountError: the file cannot be read or opened, or is not whole; there is no `folder` then.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already; name a folder that is not.")
    identity = _identity(identity_file)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".restore-") as name:
        packed, inside = Path(name) / "packed.tar", Path(name) / "collector"
        try:
            with source.open("rb") as sealed, packed.open("xb") as plain:
                pyrage.decrypt_io(sealed, plain, [identity])
        except (OSError, pyrage.DecryptError) as error:
            raise SafecountError(f"The backup {source} cannot be opened: {error}.") from error
        _unpack(packed, inside)
        head = check(inside)
        inside.rename(folder)
    return head


def check(folder: Path) -> audit.Head:
    """The head of the audit log of a folder whose database and log are whole; SafecountError otherwise."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as raw:
        try:
            found = [row[0] for row in raw.execute("PRAGMA integrity_check")]
            lost = raw.execute("PRAGMA foreign_key_check").fetchall()
        except sqlite3.DatabaseError as error:
            raise SafecountError(f"The database of the backup is damaged: {error}.") from error
    if found != ["ok"] or lost:
        raise SafecountError("The database of the backup is damaged: it does not pass its own check.")
    database = Database(folder / DATABASE_FILE)
    try:
        return audit.verify(audit.read_all(database))
    finally:
        database.close()


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise UsageError(f"{text!r} is no recipient of age (age1...); make one with: age-keygen") from error


def _identity(file: Path) -> pyrage.x25519.Identity:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return pyrage.x25519.Identity.from_str(next(line for line in lines if line.startswith("AGE-SECRET-KEY-")))
    except (OSError, ValueError, StopIteration, pyrage.IdentityError) as error:
        raise UsageError(f"{file} holds no identity of age, as age-keygen makes one.") from error


def _copy(folder: Path, database: Path, inside: Path) -> None:
    try:
        inside.mkdir(mode=0o700)
        made = inside / DATABASE_FILE
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(made)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        for name in _FILES:
            if (folder / name).exists():
                shutil.copy2(folder / name, inside / name)
        shutil.copytree(folder / "keys", inside / "keys")
    except (OSError, sqlite3.Error) as error:
        raise SafecountError(f"The collector in {folder} cannot be copied: {error}.") from error


def _pack(inside: Path, packed: Path) -> None:
    files = sorted(path for path in inside.rglob("*") if path.is_file())
    digests = {}
    for path in files:
        with path.open("rb") as file:
            digests[str(path.relative_to(inside))] = file_digest(file, "sha256").hexdigest()
    manifest = json.dumps({"format": _FORMAT, "files": digests}).encode()
    with tarfile.open(packed, "x") as tar:
        about = tarfile.TarInfo(MANIFEST)
        about.size = len(manifest)
        tar.addfile(about, io.BytesIO(manifest))
        for path in files:
            tar.add(path, str(path.relative_to(inside)), recursive=False)


def _unpack(packed: Path, inside: Path) -> None:
    try:
        with tarfile.open(packed) as tar:
            inside.mkdir(mode=0o700)
            tar.extractall(inside, filter="data")
        manifest = json.loads((inside / MANIFEST).read_text(encoding="utf-8"))
        digests: dict[str, str] = manifest["files"]
        (inside / MANIFEST).unlink()
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise SafecountError(f"The backup is not whole: {error}.") from error
    found = {}
    for path in inside.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[str(path.relative_to(inside))] = file_digest(file, "sha256").hexdigest()
    if manifest.get("format") != _FORMAT or found != digests:
        raise SafecountError("The backup is not whole: its files are not those that it tells of.")
