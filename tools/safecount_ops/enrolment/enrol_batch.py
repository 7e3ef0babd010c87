"""`safecount-ops enrol-batch`: a fleet enrols by a signed list, with nothing typed and no code scanned (docs/enrolment.md)."""

import secrets
import time
from pathlib import Path

import click

from safecount.errors import UsageError
from safecount.wire.errors import UntrustedInput
from safecount.wire.fleet import Fleet, parse_fleet, sign_fleet
from safecount.wire.reset_order import sign_reset
from safecount.wire.site_code import TOKEN_BYTES, SiteCode, parse_site_code, sign_site_code
from safecount.wire.values import Profile
from safecount_ops.collector.people_commands import opened_database, who
from safecount_ops.controller import passphrase
from safecount_ops.controller.keys import load_ed25519_public
from safecount_ops.enrolment.fleet_key import load_fleet_key, make_fleet_key
from safecount_ops.enrolment.fleet_list import MAX_LIST_BYTES, parse_list, sign_list
from safecount_ops.enrolment.fleet_table import Place, Row, read_table
from safecount_ops.enrolment.site_qr import DAY_S, DEFAULT_LINE, ca_fingerprint, known_zone, parse_line
from safecount_ops.enrolment.tokens import Tokens

FILE = click.Path(path_type=Path, dir_okay=False)
CARD_FILE, LIST_FILE = "safecount-site.txt", "fleet-list.csv"
_KEY_NAME = "the fleet's key"
_LONGEST_DAYS = 365


@click.group()
def command() -> None:
    """Enrol a fleet by a signed list: `key` once, `sign` at the desk, `take` at the collector."""


@command.command()
@click.argument("key", type=FILE)
@passphrase.option
def key(key: Path, passphrase_file: Path | None) -> None:
    """Make the fleet's KEY, and beside it KEY.pub. Keep a copy of it, off the collector."""
    public = make_fleet_key(key, passphrase.ask(passphrase_file, _KEY_NAME, new=True))
    print(f"The fleet's key is {key}; {public} is for the collector.")


@command.command()
@click.argument("table", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="The fleet's key.")
@click.option("--url", required=True, help="The collector as devices reach it: https://host:port")
@click.option("--ca", type=FILE, required=True, help="The collector's CA certificate, keys/ca.pem there.")
@click.option("--root", "root_file", type=FILE, required=True, help="The controller's root.pub.")
@click.option("--site", default="", help="Name of the site, where the table has none.")
@click.option("--zone", default="Etc/UTC", show_default=True, help="IANA time zone, where the table has none.")
@click.option("--line", "lines", multiple=True, default=(DEFAULT_LINE,), show_default=True,
              help="DOOR=X1,Y1:X2,Y2:SIDE as for site-qr, where the table has none; repeat.")  # fmt: skip
@click.option("--profile", type=click.Choice([one.name.lower() for one in Profile]), default="standard")
@click.option("--exits", is_flag=True, help="Count exits too; each direction then has half the budget.")
@click.option("--days", type=click.IntRange(1, _LONGEST_DAYS), default=90, show_default=True, help="How long it holds.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("fleet"), show_default=True)
@passphrase.option
def sign(
    table: Path,
    *,
    key_file: Path,
    url: str,
    ca: Path,
    root_file: Path,
    site: str,
    zone: str,
    lines: tuple[str, ...],
    profile: str,
    exits: bool,
    days: int,
    out: Path,
    passphrase_file: Path | None,
) -> None:
    """Sign the devices of TABLE: the file for every card, and the list for the collector.

    TABLE is a CSV with the columns serial and fingerprint, as `label --list` writes it, and where devices differ site, zone,
    line (several with ; between them), profile and exits (yes or no). The newest list counts alone.
    """
    usual = Place(site, known_zone(zone), tuple(map(parse_line, lines)), Profile[profile.upper()], exits)
    rows = read_table(table, usual)
    signer = load_fleet_key(key_file, passphrase.ask(passphrase_file, _KEY_NAME))
    made_s = int(time.time())
    ends_s = made_s + days * DAY_S
    public = signer.public_key().public_bytes_raw()
    fleet = Fleet(url, ca_fingerprint(ca), public, made_s)
    root = load_ed25519_public(root_file).public_bytes_raw()
    texts = [sign_site_code(_site_code(row, fleet, root, ends_s), signer) for row in rows]
    line = sign_fleet(fleet, signer)
    try:
        parse_fleet(line)
        for text in texts:
            parse_site_code(text)  # whatever a device would refuse is refused here
    except UntrustedInput as error:
        raise UsageError(f"These make no site codes: {error}") from error
    signed = sign_list([(row.serial, row.fingerprint, text) for row, text in zip(rows, texts, strict=True)],
                       made_s, ends_s, signer)  # fmt: skip
    _write(out, {CARD_FILE: line.encode("ascii") + b"\n", LIST_FILE: signed})
    until = time.strftime("%Y-%m-%d", time.gmtime(ends_s))
    print(
        f"{len(rows)} devices until {until}. {out / CARD_FILE} goes on every card, {out / LIST_FILE} to the collector."
    )


@command.command()
@click.argument("collector", type=click.Path(path_type=Path, file_okay=False))
@click.argument("listing", type=FILE, metavar="LIST")
@click.option("--key", "key_file", type=FILE, required=True, help="The public half of the fleet's key.")
def take(collector: Path, listing: Path, key_file: Path) -> None:
    """Have the COLLECTOR (its folder) enrol the devices of a signed LIST, and no longer those of the list before."""
    signer = load_ed25519_public(key_file)
    try:
        with listing.open("rb") as file:
            taken = parse_list(file.read(MAX_LIST_BYTES + 1), signer)
    except OSError as error:
        raise UsageError(f"The list {listing} cannot be read: {error.strerror}.") from error
    except UntrustedInput as error:
        raise UsageError(f"{listing} is not taken: {error}") from error
    if int(time.time()) >= taken.ends_s:
        raise UsageError(f"{listing} is not taken: it is past its date. Sign a new one.")
    ours = ca_fingerprint(collector / "keys" / "ca.pem")
    if any(one.code.ca != ours for one in taken.devices):
        raise UsageError(f"{listing} is not taken: it was signed for a collector with another CA than {collector}.")
    Tokens(opened_database(collector)).take_list(taken, int(time.time()), who())
    print(f"{len(taken.devices)} devices may enrol here from now on.")


@command.command()
@click.argument("device")
@click.option("--key", "key_file", type=FILE, required=True, help="The fleet's key.")
@click.option("--out", type=FILE, default=Path("reset.order"), show_default=True)
@passphrase.option
def order(device: str, key_file: Path, out: Path, passphrase_file: Path | None) -> None:
    """Sign the order that has DEVICE forget its owner, for `collector reset --order`."""
    signer = load_fleet_key(key_file, passphrase.ask(passphrase_file, _KEY_NAME))
    _write(out.parent, {out.name: sign_reset(device, signer)})
    print(f"{out} is for: safecount-ops collector reset COLLECTOR {device} --order {out} --key {key_file.stem}.pub")


def _site_code(row: Row, fleet: Fleet, root: bytes, ends_s: int) -> SiteCode:
    place = row.place
    if not place.site:
        raise UsageError(f"{row.serial} has no site: name it in the table's column `site`, or with --site.")
    return SiteCode(
        url=fleet.url,
        ca=fleet.ca,
        root=root,
        signer=fleet.signer,
        token=secrets.token_bytes(TOKEN_BYTES),
        expires_s=ends_s,
        site=place.site,
        zone=place.zone,
        lines=place.lines,
        profile=place.profile,
        exits=place.exits,
        serial=row.serial,
    )


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from error
