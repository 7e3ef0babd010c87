"""`controller mqtt`."""

import time
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount_ops.controller import passphrase
from safecount_ops.controller.count_commands import opened, site_option, whole_table
from safecount_ops.controller.counts import Counts
from safecount_ops.controller.home_assistant import DISCOVERY, messages_of
from safecount_ops.controller.mqtt import Broker, publish

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
PORT, TLS_PORT = 1883, 8883


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--host", required=True, help="The MQTT broker.")
@click.option("--port", type=click.IntRange(1, 65535), help=f"Its port (default: {PORT}, with TLS {TLS_PORT}).")
@click.option("--tls", is_flag=True, help="Speak TLS, and trust this machine's CAs.")
@click.option("--ca", "ca_file", type=FILE, help="Speak TLS, and trust this CA alone (PEM).")
@click.option("--user")
@click.option("--password-file", type=FILE, help="File that holds the user's password.")
@click.option("--prefix", default=DISCOVERY, show_default=True, help="Home Assistant's discovery prefix.")
@site_option
def command(  # noqa: PLR0917 - click hands its options over by name
    folder: Path,
    host: str,
    port: int | None,
    ca_file: Path | None,
    user: str | None,
    password_file: Path | None,
    prefix: str,
    sites: tuple[str, ...],
    *,
    tls: bool,
) -> None:
    """Publish each door's newest hour, today and last day by MQTT; Home Assistant finds them by itself."""
    if (user is None) != (password_file is None):
        raise UsageError("Give --user and --password-file together, or neither.")
    secured = tls or ca_file is not None
    password = passphrase.from_file(password_file) if password_file else None
    broker = Broker(host, port or (TLS_PORT if secured else PORT), secured, ca_file, user, password)
    with Counts(opened(folder).counts) as counts:
        messages = messages_of(whole_table(counts, sites), int(time.time()), prefix)
    print(f"{publish(broker, messages)} messages left at {broker.host}:{broker.port}.")
