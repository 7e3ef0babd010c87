"""`collector backup`, `restore`, `remove-old`, `erase`, `resume-rollout` and `openapi`."""

import datetime as dt
import json
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount_ops.collector import backup as keeping
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.people_commands import opened_database, who
from safecount_ops.collector.retention import Holding, Whose, holding, remove_old
from safecount_ops.collector.retention import erase as erase_for_good
from safecount_ops.collector.rollout import RolloutWatch
from safecount_ops.collector.settings import read_settings

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("file", type=FILE)
@click.option("--recipient", required=True, metavar="age1...", help="Who may open it; age-keygen makes one.")
def backup(folder: Path, file: Path, recipient: str) -> None:
    """Write all that the collector in FOLDER is to the new FILE, encrypted, even while it runs. Prints its audit log's head."""
    print(keeping.back_up(folder, file, recipient))


@click.command()
@click.argument("file", type=FILE)
@click.argument("folder", type=FOLDER)
@click.option("--identity", type=FILE, required=True, help="The recipient's identity, as age-keygen wrote it.")
def restore(file: Path, folder: Path, identity: Path) -> None:
    """Make the collector's FOLDER of a backup, once all in it has been checked. Prints its audit log's head."""
    print(keeping.restore(file, folder, identity))


@click.command("remove-old")
@click.argument("folder", type=FOLDER)
def remove_old_command(folder: Path) -> None:
    """Remove now what has become too old; a running collector does so by itself."""
    days = read_settings(folder).retention.days
    removed = remove_old(opened_database(folder), days, utc_now_s())
    print(f"{removed} envelopes removed that came more than {days} days ago." if days else "Nothing is removed by age.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--device", metavar="NAME", help="All of this device.")
@click.option("--tenant", metavar="NAME", help="All of this tenant: devices, people, tokens, keysets.")
@click.option("--confirm", metavar="NAME", help="The same name once more, in place of being asked for it.")
def erase(folder: Path, device: str | None, tenant: str | None, confirm: str | None) -> None:
    """Remove for good all that FOLDER's database has of a device or tenant. Prints a confirmation to keep."""
    if (device is None) == (tenant is None):
        raise UsageError("Name what to erase: --device NAME or --tenant NAME.")
    whose, name = (Whose.DEVICE, device or "") if device is not None else (Whose.TENANT, tenant or "")
    database = opened_database(folder)
    with database.reading() as connection:
        held = holding(connection, whose, name)
    if confirm is None:
        print(f"{_told(held)} All of it is removed for good, here and not in backups.")
        confirm = click.prompt("Type its name to go on", default="", show_default=False)
    if confirm != name:
        raise UsageError(f"Nothing was erased: {confirm!r} is not {name!r}.")
    erased, entry = erase_for_good(database, whose, name, utc_now_s(), who())
    at = dt.datetime.now(dt.UTC)
    print(f"Erased at {at:%Y-%m-%d %H:%M:%S} UTC. {_told(erased)} Entry of the audit log: {entry}")


def _told(held: Holding) -> str:
    if held.first_s is None or held.last_s is None:
        return f"{held}."
    first, last = (dt.datetime.fromtimestamp(at_s, dt.UTC).date() for at_s in (held.first_s, held.last_s))
    return f"{held}, that came from {first} to {last}."


@click.command("resume-rollout")
@click.argument("folder", type=FOLDER)
@click.argument("tenant")
def resume_rollout(folder: Path, tenant: str) -> None:
    """Take back the stop of the roll-out to the devices of TENANT."""
    settings = read_settings(folder)
    RolloutWatch(opened_database(folder), settings.folder, settings.rollout).take_back(tenant, utc_now_s(), who())


@click.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from safecount_ops.collector.openapi import document  # noqa: PLC0415 - the web server is loaded by this command alone

    print(json.dumps(document(), indent=1))


KEEPING_COMMANDS = (backup, restore, remove_old_command, erase, resume_rollout, openapi)
