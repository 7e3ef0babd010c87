"""What the files of a device that has counted are: each is read as what it should be, and nothing may be left over."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from safecount.errors import SafecountError
from safecount.settings.site import read_site
from safecount.wire.envelope import parse_envelope
from safecount.wire.keyset import verify_keyset

Files = Mapping[str, bytes]
SECRET_BYTES = 16
TABLES = {"envelopes", "ledger", "state"}
SPOOL = "spool/spool.db"
JOURNAL = {f"{SPOOL}-wal", f"{SPOOL}-shm"}
"""Pages of the spool; it is read with them."""


def unknown(files: Files, work: Path) -> dict[str, str]:
    """The files that are of no known kind, each with what is wrong with it."""
    found = {}
    for name, content in files.items():
        kind = next((kind for pattern, kind in KINDS.items() if re.fullmatch(pattern, name)), None)
        if kind is None and name not in JOURNAL:
            found[name] = "is none of a device's files"
        elif kind is not None:
            try:
                kind(content, files, work)
            except (ValueError, AssertionError, SafecountError, sqlite3.Error) as error:
                found[name] = str(error)
    return found


def _secret(content: bytes, *_: object) -> None:
    assert len(content) == SECRET_BYTES, f"has {len(content)} bytes"


def _site(content: bytes, _files: Files, work: Path) -> None:
    file = work / "site.toml"
    file.write_bytes(content)
    read_site(file)


def _keyset(content: bytes, files: Files, _work: Path) -> None:
    verify_keyset(content, [Ed25519PublicKey.from_public_bytes(files["seal/root.pub"])])


def _spool(_content: bytes, files: Files, work: Path) -> None:
    folder = work / "spool"
    folder.mkdir(exist_ok=True)
    for name in (SPOOL, *JOURNAL & files.keys()):
        (folder / Path(name).name).write_bytes(files[name])
    database = sqlite3.connect(folder / "spool.db")
    try:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == TABLES, f"has the tables {sorted(tables)}"
        for (raw,) in database.execute("SELECT raw FROM envelopes"):
            parse_envelope(raw)
    finally:
        database.close()


KINDS: dict[str, Callable[[bytes, Files, Path], object]] = {
    r"(provision/identity|seal/signing|uplink/tls\.key)\.pem": lambda raw, *_: load_pem_private_key(raw, None),
    r"uplink/(ca|tls\.cert)\.pem": lambda raw, *_: load_pem_x509_certificates(raw),
    r"seal/root\.pub|provision/signer\.pub": lambda raw, *_: Ed25519PublicKey.from_public_bytes(raw),
    r"provision/ownership\.secret": _secret,
    r"site/site\.toml": _site,
    r"seal/keyset\.cbor": _keyset,
    re.escape(SPOOL): _spool,
}
