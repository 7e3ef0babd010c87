"""`safecount-ops release`: from the ceremony of the keys to a roll-out, each step told in plain words before it is signed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from safecount.errors import UsageError
from safecount.wire.release import PLACES, Release, Version
from safecount_ops.release.bundle import describe, index_of, make_bundle
from safecount_ops.release.rauc_ca import RaucCa
from safecount_ops.release.repository import ROLES, ReleaseRepository, Thresholds
from safecount_ops.release.signing_keys import SigningKeys

MIN_PASSPHRASE = 12
SOON_DAYS = 7


@dataclass(frozen=True, slots=True)
class Desk:
    """The folder of the release side: `keys`, `rauc`, and `public`, which is what is served."""

    folder: Path

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def rauc(self) -> RaucCa:
        return RaucCa(self.folder / "rauc")

    def repository(self, passphrase: bytes) -> ReleaseRepository:
        return ReleaseRepository(self.public, SigningKeys(self.folder / "keys", passphrase))

    def look(self) -> ReleaseRepository:
        """To read only: no key is opened."""
        if not self.public.is_dir():
            raise UsageError(f"{self.folder} is no folder of releases; `safecount-ops release init` makes one.")
        return self.repository(b"")


class Share(click.ParamType[int]):
    """A share of the devices, in thousandths: "5%", "0.5%" or "all"."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        text = str(value)
        if text == "all":
            return PLACES
        try:
            places = Decimal(text.removesuffix("%")) * PLACES / 100
        except InvalidOperation:
            places = Decimal(-1)
        if not text.endswith("%") or not 0 < places <= PLACES or places != int(places):
            self.fail(f"{text!r} is no share of the devices; write 5%, 0.5% or all.", param, ctx)
        return int(places)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Sign releases, publish them, and roll them out."""


_desk = click.option(
    "--desk",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("release"),
    show_default=True,
    help="The folder with keys, RAUC's authority and what is published.",
)
_passphrase = click.option(
    "--passphrase-file", type=click.Path(path_type=Path, dir_okay=False), help="A file with the keys' pass-phrase."
)


def _signs(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a step that signs."""
    options = (
        _desk,
        _passphrase,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Say what would be signed, and sign nothing."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command()
@_desk
@_passphrase
def init(folder: Path, passphrase_file: Path | None) -> None:
    """The ceremony: make the keys of TUF (root 2 of 3) and RAUC's authority."""
    passphrase = _read_passphrase(passphrase_file, new=True)
    desk = Desk(folder)
    desk.rauc.create()
    thresholds = {role: Thresholds(3, 2) if role == "root" else Thresholds(1, 1) for role in ROLES}
    desk.repository(passphrase).create(thresholds)
    click.echo(f"Keys are in {folder / 'keys'}. Move each root key to its own keeper, off line, and targets-1.pem too.")
    click.echo(f"RAUC's authority is in {folder / 'rauc'}. Give it to somebody who does not hold TUF's keys.")
    click.echo(f"The image must carry {desk.public / 'metadata' / '1.root.json'} and {desk.rauc.ca}.")


@command.command()
@_desk
@click.option("--root", type=click.Path(path_type=Path, exists=True), required=True, help="The image of the root.")
@click.option(
    "--boot", type=click.Path(path_type=Path, exists=True), required=True, help="The image of the boot files."
)
@click.option("--board", required=True, help="The board, such as rpi.")
@click.option("--version", "number", required=True, help="The release's number, such as 1.2.3.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The bundle to write.")
def bundle(*, folder: Path, root: Path, boot: Path, board: str, number: str, out: Path) -> None:
    """Join the images of a release into a bundle, signed with RAUC's key."""
    make_bundle(root, boot, out, board=board, version=_version(number), ca=Desk(folder).rauc)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB for {board}, version {number}.")


@command.command()
@click.argument("bundle_file", metavar="BUNDLE", type=click.Path(path_type=Path, exists=True))
@click.option("--share", type=Share(), default="5%", show_default=True, help="Of the devices: 5%, 0.5% or all.")
@_signs
def publish(bundle_file: Path, share: int, folder: Path, **how: Any) -> None:  # noqa: ANN401
    """List a bundle as a release, for a share of the devices."""
    desk = Desk(folder)
    release = describe(bundle_file, desk.rauc.ca, share)
    newest = max((one.version for one in desk.look().releases() if one.board == release.board), default=None)
    if newest is not None and release.version <= newest:
        raise UsageError(f"{release.board} has {newest} already, and a release is never older than what devices run.")
    words = (
        f"List {release.version} for {release.board} ({release.length / 1e6:.1f} MB, SHA-256 {release.digest.hex()[:16]}…)"
        f" for {_told(share)}."
    )
    with _signing(desk, words, ["targets", "snapshot", "timestamp"], **how) as repository:
        repository.add(release, bundle_file, index_of(bundle_file))


@command.command()
@click.argument("board")
@click.argument("version")
@click.argument("share", type=Share())
@_signs
def rollout(board: str, version: str, share: int, folder: Path, **how: Any) -> None:  # noqa: ANN401
    """Give a release to a larger share of the devices: 5%, 50%, all."""
    desk = Desk(folder)
    release = _listed(desk, board, version)
    if share < release.share:
        raise UsageError(f"{version} is for {_told(release.share)} already; `halt` stops it, nothing takes it back.")
    words = f"Give {version} for {board} to {_told(share)}; until now {_told(release.share)}."
    with _signing(desk, words, ["targets", "snapshot", "timestamp"], **how) as repository:
        repository.replace(replace(release, share=share))


@command.command()
@click.argument("board")
@click.argument("version")
@_signs
def halt(board: str, version: str, folder: Path, **how: Any) -> None:  # noqa: ANN401
    """Give a release to no further device. Those that run it keep it."""
    desk = Desk(folder)
    release = _listed(desk, board, version)
    words = f"Halt {version} for {board}: no further device takes it, and none that waits for its hour starts it."
    with _signing(desk, words, ["targets", "snapshot", "timestamp"], **how) as repository:
        repository.replace(replace(release, share=0))


@command.command()
@click.argument("board")
@click.argument("version")
@_signs
def revoke(board: str, version: str, folder: Path, **how: Any) -> None:  # noqa: ANN401
    """List a release no more. Devices that run it keep it until a newer one is listed."""
    desk = Desk(folder)
    release = _listed(desk, board, version)
    words = (
        f"Take {version} for {board} from the list. Devices that run it report OLDER_RELEASE until a newer one comes."
    )
    with _signing(desk, words, ["targets", "snapshot", "timestamp"], **how) as repository:
        repository.revoke(release)


@command.command()
@_signs
def renew(folder: Path, **how: Any) -> None:  # noqa: ANN401
    """Sign new dates for snapshot and timestamp: at least weekly, by the on-line machine."""
    with _signing(
        Desk(folder), "Renew the dates of snapshot and timestamp.", ["snapshot", "timestamp"], **how
    ) as repository:
        repository.renew()


@command.command()
@click.argument("role", type=click.Choice(ROLES))
@_signs
def rotate(role: str, folder: Path, **how: Any) -> None:  # noqa: ANN401
    """Make new keys for a role, and let the old ones sign nothing any more."""
    words = (
        f"Make new keys for {role}; the old ones sign nothing any more. Two of the root keys must be in the key folder."
    )
    with _signing(Desk(folder), words, ["root", *ROLES[1:]], **how) as repository:
        repository.rotate(role)


@command.command()
@_desk
def status(folder: Path) -> None:
    """What is listed, for whom, and until when all of it holds."""
    repository = Desk(folder).look()
    for release in repository.releases():
        click.echo(f"{release.board:8} {release.version!s:10} {release.length / 1e6:8.1f} MB  {_told(release.share)}")
    now = datetime.now(UTC)
    for role, expires in repository.expiries().items():
        days = (expires - now).days
        note = " — EXPIRED" if expires <= now else " — renew now" if days < SOON_DAYS else ""
        click.echo(f"{role:10} holds until {expires:%Y-%m-%d %H:%M} UTC, {days} days{note}")


@contextmanager
def _signing(
    desk: Desk, words: str, roles: list[str], *, passphrase_file: Path | None, yes: bool, dry_run: bool
) -> Iterator[ReleaseRepository]:
    """Tell, ask, and open the keys. A dry run ends the command here."""
    desk.look()
    click.echo(words)
    click.echo(f"To be signed anew: {', '.join(roles)}.")
    if dry_run:
        click.echo("Dry run: nothing was signed.")
        sys.exit(0)
    if not yes:
        click.confirm("Sign and publish?", abort=True)
    yield desk.repository(_read_passphrase(passphrase_file))
    click.echo(f"Published in {desk.public}.")


def _read_passphrase(file: Path | None, *, new: bool = False) -> bytes:
    if file is not None:
        try:
            passphrase = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The pass-phrase cannot be read from {file}: {error}.") from error
    else:
        passphrase = click.prompt("Pass-phrase of the keys", hide_input=True, confirmation_prompt=new)
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageError(f"A pass-phrase has at least {MIN_PASSPHRASE} characters.")
    return passphrase.encode()


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from error


def _listed(desk: Desk, board: str, version: str) -> Release:
    wanted = _version(version)
    for release in desk.look().releases():
        if (release.board, release.version) == (board, wanted):
            return release
    raise UsageError(f"{version} for {board} is not listed; `safecount-ops release status` shows what is.")


def _told(share: int) -> str:
    return {0: "no device (halted)", PLACES: "all devices"}.get(share, f"{share / PLACES:.1%} of the devices")
