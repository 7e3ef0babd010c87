"""`collector backup`, `restore`, `resume-rollout` and `openapi`."""

import json
from pathlib import Path

import click

from safecount_ops.collector import backup as keeping
from safecount_ops.collector.intake import utc_now_s
from safecount_ops.collector.people_commands import opened_database, who
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


KEEPING_COMMANDS = (backup, restore, resume_rollout, openapi)
