"""The collector's commands for who may come: `init`, `serve`, and those for tenants, devices, tokens and exclusions."""

import datetime as dt
import os
import tempfile
from pathlib import Path

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from safecount.errors import SafecountError, UsageError
from safecount.wire.errors import UntrustedInput
from safecount.wire.reset_order import MAX_RESET_BYTES, sign_reset, verify_reset
from safecount_ops.collector.authority import Authority, private_pem, write_private
from safecount_ops.collector.database import Database
from safecount_ops.collector.intake import create_receipt_key, read_receipt_key, utc_now_s
from safecount_ops.collector.keeping_commands import KEEPING_COMMANDS
from safecount_ops.collector.limits import Exclusions
from safecount_ops.collector.people_commands import PEOPLE_COMMANDS, opened_database, who
from safecount_ops.collector.registry import DEFAULT_TENANT, METRICS, PULL, TOKEN_DAYS, Registry
from safecount_ops.collector.settings import SETTINGS_FILE, DevicePort, PeoplePort, read_settings, settings_text
from safecount_ops.controller.keys import load_ed25519_public
from safecount_ops.enrolment.signer import load_signer
from safecount_ops.enrolment.tokens import Tokens

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
_tenant = click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose it is.")


@click.group()
def command() -> None:
    """Take envelopes from devices, keep them, and hand them to the controller. See docs/collector.md."""


@command.command()
@click.argument("folder", type=FOLDER)
@click.option("--name", "names", multiple=True, default=["127.0.0.1"], help="Host name or address it is reached by.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--device-port", default=8443, show_default=True)
@click.option("--people-port", default=8444, show_default=True)
@click.option("--root-key", metavar="HEX", help="The controller's root key, which keysets must be signed with.")
@click.option("--database", default="", metavar="URL", help="PostgreSQL in SQLite's place: postgresql://user@host/name")
def init(  # noqa: PLR0917 - one parameter an option
    folder: Path,
    names: tuple[str, ...],
    host: str,
    device_port: int,
    people_port: int,
    root_key: str | None,
    database: str,
) -> None:
    """Make a collector's FOLDER: its CA, TLS certificate, receipt key and database."""
    root = None if root_key is None else _key(root_key)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a folder that is not there yet.")
    keys = folder / "keys"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.mkdir(mode=0o700)
        authority = Authority.create(keys, "safecount collector CA")
        server_key = ec.generate_private_key(ec.SECP256R1())
        write_private(keys / "server.key.pem", private_pem(server_key))
        (keys / "server.pem").write_bytes(authority.issue_server(server_key.public_key(), names))
        create_receipt_key(keys / "receipt.key.pem")
        text = settings_text(DevicePort(host, device_port), PeoplePort(host, people_port), database)
        write_private(folder / SETTINGS_FILE, text.encode())  # an address may hold a password
    except OSError as error:
        raise SafecountError(f"The collector's folder {folder} cannot be made: {error}.") from error
    store = Database(read_settings(folder).database)
    store.create()
    Registry(store).add_tenant(DEFAULT_TENANT, root, utc_now_s())
    store.close()
    receipt_key = read_receipt_key(keys / "receipt.key.pem").public_key().public_bytes_raw()
    print(f"CA:          {keys / 'ca.pem'}")
    print(f"Receipt key: {receipt_key.hex()}")


@command.command("serve")
@click.argument("folder", type=FOLDER)
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="How many share the ports.")
def serve_command(folder: Path, processes: int) -> None:
    """Serve devices, controllers and people until stopped."""
    if processes > 1:  # read when prometheus_client is loaded: each process writes there, and any of them tells all
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="safecount-metrics-")
    from safecount_ops.collector.serve import serve  # noqa: PLC0415 - the web server is loaded by this command alone

    serve(read_settings(folder), processes)


@command.command("add-tenant")
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.option("--root-key", metavar="HEX", help="The controller's root key, which keysets must be signed with.")
def add_tenant(folder: Path, name: str, root_key: str | None) -> None:
    """Make a tenant, or pin the root key of one that has none. A pinned key never changes."""
    _registry(folder).add_tenant(name, None if root_key is None else _key(root_key), utc_now_s())


@command.command("add-device")
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.option("--key", required=True, metavar="HEX", help="The Ed25519 key that its envelopes are signed with.")
@click.option("--tls-key", type=FILE, help="Its public P-256 key (PEM), to make a certificate for.")
@click.option("--certificate", type=FILE, help="Where to write that certificate (PEM).")
@_tenant
def add_device(  # noqa: PLR0917 - one parameter an option
    folder: Path, name: str, key: str, tls_key: Path | None, certificate: Path | None, tenant: str
) -> None:
    """Let a device in, and make its certificate."""
    if (tls_key is None) != (certificate is None):
        raise UsageError("Give --tls-key and --certificate together, or neither.")
    settings = read_settings(folder)
    _registry(folder).add_device(name, tenant, _key(key), utc_now_s())
    if tls_key is not None and certificate is not None:
        try:
            certificate.write_bytes(Authority(settings.keys).issue_device(_tls_key(tls_key), name))
        except OSError as error:
            raise SafecountError(f"The certificate {certificate} cannot be written: {error}.") from error


@command.command("set-active")
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.argument("active", type=click.BOOL, metavar="yes|no")
def set_active(folder: Path, name: str, *, active: bool) -> None:
    """Turn the device NAME away from now on (no), or let it in again (yes). What it sent is kept."""
    _registry(folder).set_active(name, utc_now_s(), who(), active=active)


@command.command()
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.option(
    "--order", "order_file", type=FILE, help="The order that `enrol-batch order` has signed, for a fleet's device."
)
@click.option("--key", "key_file", type=FILE, help="With --order: the public half of the fleet's key.")
def reset(folder: Path, name: str, order_file: Path | None, key_file: Path | None) -> None:
    """Have the device NAME forget its owner at its next contact: site, keys, counts that it has not sent, Wi-Fi."""
    if (order_file is None) != (key_file is None):
        raise UsageError("Give --order and --key together, or neither.")
    if order_file is not None and key_file is not None:
        order = _signed_order(order_file, name, key_file)
    elif Tokens(opened_database(folder)).has_listed(name):
        raise UsageError(f"{name} came by a list and obeys the fleet's key alone: `enrol-batch order`, then --order.")
    else:
        order = sign_reset(name, load_signer(folder))
    _registry(folder).order_reset(name, order, utc_now_s(), who())
    print(f"{name} is reset at its next contact, within six hours if it has a network. What it sent is kept.")


@command.command()
@click.argument("folder", type=FOLDER)
@click.argument("name")
def release(folder: Path, name: str) -> None:
    """Take envelopes again of the device NAME, which is held for what it signed. The evidence is kept."""
    _registry(folder).release(name, utc_now_s(), who())


@command.command()
@click.argument("folder", type=FOLDER)
def excluded(folder: Path) -> None:
    """Tell who is excluded for a while, and until when."""
    for one in _exclusions(folder).all(utc_now_s()):
        print(f"{one.subject}  until {dt.datetime.fromtimestamp(one.until_s, dt.UTC):%Y-%m-%d %H:%M} UTC: {one.reason}")


@command.command()
@click.argument("folder", type=FOLDER)
@click.argument("subject")
def readmit(folder: Path, subject: str) -> None:
    """Let SUBJECT (device:NAME or address:ADDRESS) in again at once."""
    _exclusions(folder).readmit(subject, utc_now_s(), who())


@command.command()
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.option("--days", default=TOKEN_DAYS, show_default=True, type=click.IntRange(1, 3650))
@click.option("--metrics", is_flag=True, help="Make one for Prometheus, that reads /metrics and nothing else.")
@_tenant
def token(folder: Path, name: str, days: int, tenant: str, *, metrics: bool) -> None:
    """Print a new token for a tenant's controller. It is shown once."""
    print(_registry(folder).add_token(name, tenant, utc_now_s(), days, METRICS if metrics else PULL))


@command.command("revoke-token")
@click.argument("folder", type=FOLDER)
@click.argument("name")
def revoke_token(folder: Path, name: str) -> None:
    """Let a token in no more."""
    _registry(folder).revoke_token(name, utc_now_s())


def _exclusions(folder: Path) -> Exclusions:
    return Exclusions(opened_database(folder))


def _registry(folder: Path) -> Registry:
    return Registry(opened_database(folder))


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise UsageError(f"The key {text!r} is not in hexadecimal.") from error
    if len(key) != 32:
        raise UsageError(f"The key {text!r} must be the 64 hexadecimal digits of an Ed25519 public key.")
    return key


def _signed_order(file: Path, name: str, key_file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            order = opened.read(MAX_RESET_BYTES + 1)
        verify_reset(order, name, load_ed25519_public(key_file))
    except OSError as error:
        raise UsageError(f"The order {file} cannot be read: {error.strerror}.") from error
    except UntrustedInput as error:
        raise UsageError(f"{file} is not taken: {error}") from error
    return order


def _tls_key(file: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"The public key {file} cannot be read: {error}.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UsageError(f"The public key {file} must be one of P-256.")
    return key


for _one in (*PEOPLE_COMMANDS, *KEEPING_COMMANDS):
    command.add_command(_one)
