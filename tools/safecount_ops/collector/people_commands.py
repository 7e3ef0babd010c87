"""`collector add-person`, `remove-person`, `unlock`, `audit` and `verify-audit`."""

import datetime as dt
import getpass
from pathlib import Path

import click
import pyotp
import segno

from safecount.errors import UsageError
from safecount_ops.collector import audit
from safecount_ops.collector.database import Database
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.pam_passwords import PamPasswords
from safecount_ops.collector.people import People, Role
from safecount_ops.collector.settings import read_settings

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("add-person")
@click.argument("folder", type=FOLDER)
@click.argument("name")
@click.option("--role", type=click.Choice([one.value for one in Role]), required=True)
@click.option("--tenant", help="Let them see this tenant's devices only.")
def add_person(folder: Path, name: str, role: str, tenant: str | None) -> None:
    """Let the system's user NAME into the pages, or change their role. Shows the secret of their one-time codes, once."""
    secret = _people(folder).add(name, Role(role), tenant, utc_now_s(), who())
    address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="safecount collector")
    print("Read this with an application for one-time codes:")
    segno.make(address, error="m").terminal(compact=True)
    print(address)


@click.command("remove-person")
@click.argument("folder", type=FOLDER)
@click.argument("name")
def remove_person(folder: Path, name: str) -> None:
    """Let NAME into the pages no more, and end their sessions."""
    _people(folder).remove(name, utc_now_s(), who())


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("name")
def unlock(folder: Path, name: str) -> None:
    """Let NAME, who is locked after too many attempts, try again."""
    _people(folder).unlock(name, utc_now_s(), who())


@click.command("audit")
@click.argument("folder", type=FOLDER)
def print_audit(folder: Path) -> None:
    """Print who did what, oldest first."""
    for one in audit.read_all(opened_database(folder)):
        at = dt.datetime.fromtimestamp(one.at_s, dt.UTC)
        print(f"{one.number}  {at:%Y-%m-%d %H:%M:%S}  {one.who}  {one.act}  {one.subject}")


@click.command("verify-audit")
@click.argument("folder", type=FOLDER)
@click.option("--noted", metavar="NUMBER:DIGEST", help="What this command printed at an earlier time.")
def verify_audit(folder: Path, noted: str | None) -> None:
    """Check that no entry of the audit log was changed or removed, and print its newest: note it elsewhere."""
    head = None if noted is None else audit.parse_head(noted)
    if noted is not None and head is None:
        raise UsageError(f"{noted!r} is not what verify-audit prints.")
    print(audit.verify(audit.read_all(opened_database(folder)), head))


PEOPLE_COMMANDS = (add_person, remove_person, unlock, print_audit, verify_audit)


def opened_database(folder: Path) -> Database:
    """The database of a collector's folder, for one command: closed when it ends."""
    database = Database(read_settings(folder).database)
    click.get_current_context().call_on_close(database.close)
    return database


def who() -> str:
    """Whoever has the folder may do all of this: the log tells the system's name for them."""
    return f"command:{getpass.getuser()}"


def _people(folder: Path) -> People:
    settings = read_settings(folder)
    return People(opened_database(folder), PamPasswords(settings.login.pam_service))
