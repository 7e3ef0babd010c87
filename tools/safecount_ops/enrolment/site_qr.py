"""`safecount-ops site-qr`: the signed code that a blank device is shown, on paper, on a screen or in a terminal."""

import re
import secrets
import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import segno
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from safecount.errors import UsageError
from safecount.wire.code_line import PER_MILLE, CodeLine, Side
from safecount.wire.enrolment import Label, parse_label
from safecount.wire.errors import UntrustedInput
from safecount.wire.site_code import TOKEN_BYTES, SiteCode, parse_site_code, prove, sign_site_code
from safecount.wire.values import Profile
from safecount_ops.collector.people_commands import opened_database
from safecount_ops.controller.keys import load_ed25519_public
from safecount_ops.enrolment.sheet import Card, save_cards
from safecount_ops.enrolment.signer import load_signer
from safecount_ops.enrolment.tokens import Tokens

DAY_S = 86_400
DEFAULT_LINE = "door=0,0.5:1,0.5:down"
FILE = click.Path(path_type=Path, dir_okay=False)
_SHARE = r"([0-9](?:\.[0-9]{1,6})?)"
_LINE = re.compile(r"([^=]+)=" + ",".join([_SHARE] * 2) + ":" + ",".join([_SHARE] * 2) + r":(right|left|down|up)")
_WIFI_SPECIAL = re.compile(r'([\\;,":])')
_LONGEST_DAYS = 30


@click.command(name="site-qr")
@click.argument("collector", type=click.Path(path_type=Path, file_okay=False))
@click.option("--url", required=True, help="The collector as devices reach it: https://host:port")
@click.option("--root", "root_file", type=FILE, required=True, help="The controller's root.pub.")
@click.option("--site", required=True, help="Name of the site.")
@click.option("--zone", required=True, help="IANA time zone, such as Europe/Berlin.")
@click.option("--line", "lines", multiple=True, default=(DEFAULT_LINE,), show_default=True,
              help="DOOR=X1,Y1:X2,Y2:SIDE, in shares of the picture; SIDE is the way in: right, left, down, up.")  # fmt: skip
@click.option("--profile", type=click.Choice([one.name.lower() for one in Profile]), default="standard")
@click.option("--exits", is_flag=True, help="Count exits too; each direction then has half the budget.")
@click.option("--label", "label_text", required=True, help="The text of the device's label, SL1:...")
@click.option("--days", type=click.IntRange(1, _LONGEST_DAYS), default=7, show_default=True, help="How long it holds.")
@click.option("--wifi", help="Name of the Wi-Fi network; its password is asked for, or read from --wifi-password-file.")
@click.option("--wifi-password-file", type=FILE)
@click.option("--out", type=click.Path(path_type=Path), multiple=True, help="A .png, .svg, .pdf or .txt file; repeat.")
def command(
    collector: Path,
    *,
    url: str,
    root_file: Path,
    site: str,
    zone: str,
    lines: tuple[str, ...],
    profile: str,
    exits: bool,
    label_text: str,
    days: int,
    wifi: str | None,
    wifi_password_file: Path | None,
    out: tuple[Path, ...],
) -> None:
    """Make the site code of one device, and let the COLLECTOR folder's EST server take its token, once.

    Without --out the code is drawn in the terminal.
    """
    label = _label(label_text)
    signer = load_signer(collector)
    code = prove(
        SiteCode(
            url=url,
            ca=ca_fingerprint(collector / "keys" / "ca.pem"),
            root=_root_key(root_file),
            signer=signer.public_key().public_bytes_raw(),
            token=secrets.token_bytes(TOKEN_BYTES),
            expires_s=int(time.time()) + days * DAY_S,
            site=site,
            zone=known_zone(zone),
            lines=tuple(parse_line(line) for line in lines),
            profile=Profile[profile.upper()],
            exits=exits,
        ),
        label.serial,
        label.secret,
    )
    text = sign_site_code(code, signer)
    try:
        parse_site_code(text)  # whatever a device would refuse, it refuses here
    except UntrustedInput as error:
        raise UsageError(f"These make no site code: {error}") from error
    password = _wifi_password(wifi_password_file) if wifi else ""
    Tokens(opened_database(collector)).add(code.token, label.serial, code.expires_s)
    _show(code, text, wifi_text(wifi, password) if wifi else None, out)


def parse_line(text: str) -> CodeLine:
    """The line in DOOR=X1,Y1:X2,Y2:SIDE; UsageError if it is none."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise UsageError(f"The line {text!r} is not DOOR=X1,Y1:X2,Y2:SIDE, such as north=0,0.5:1,0.5:down.")
    x1, y1, x2, y2 = (round(float(found[place]) * PER_MILLE) for place in range(2, 6))
    return CodeLine(found[1], (x1, y1), (x2, y2), Side[found[6].upper()])


def wifi_text(name: str, password: str) -> str:
    """The text of a Wi-Fi network's own QR code, as phones read it (WPA3 specification, section 7.1)."""
    if not password:
        return f"WIFI:T:nopass;S:{_escaped(name)};;"
    return f"WIFI:T:WPA;S:{_escaped(name)};P:{_escaped(password)};;"


def _escaped(text: str) -> str:
    return _WIFI_SPECIAL.sub(r"\\\1", text)


def _show(code: SiteCode, text: str, wifi: str | None, out: tuple[Path, ...]) -> None:
    codes = {"site": segno.make(text, error="m", micro=False)}
    if wifi:
        codes["wifi"] = segno.make(wifi, error="m", micro=False)
    for path in out:
        _save(path, code, text, codes)
    if not out:
        for name, drawn in codes.items():
            print(f"The {name} code:")
            drawn.terminal(compact=True)
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(code.expires_s))
    print(
        f"The code for {code.serial} at {code.site} holds until {until}, once. Show it, paste it, or put it on the card."
    )


def _save(path: Path, code: SiteCode, text: str, codes: dict[str, segno.QRCode]) -> None:
    try:
        if path.suffix == ".pdf":
            save_cards(f"Site {code.site}", _facts(code), _cards(codes), path)
        elif path.suffix == ".txt":
            path.write_text(text + "\n", encoding="ascii")
        elif path.suffix in {".png", ".svg"}:
            for name, drawn in codes.items():
                target = path if name == "site" else path.with_stem(f"{path.stem}-{name}")
                drawn.save(str(target), scale=8, border=4)
        else:
            raise UsageError(f"{path} must end in .png, .svg, .pdf or .txt.")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from error


def _facts(code: SiteCode) -> list[str]:
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(code.expires_s))
    doors = ", ".join(dict.fromkeys(line.door for line in code.lines))
    return [
        f"For the device {code.serial} only, once, until {until}.",
        f"Doors: {doors}. Time zone: {code.zone}. Privacy: {code.profile.name.lower()}.",
        f"Collector: {code.url}",
    ]


def _cards(codes: dict[str, segno.QRCode]) -> list[Card]:
    site = Card("The site", "Give the device this code: by its serial port, or as a file on the card.", codes["site"])
    if "wifi" not in codes:
        return [site]
    return [Card("The Wi-Fi network", "A phone reads this one too.", codes["wifi"]), site]


def _label(text: str) -> Label:
    try:
        return parse_label(text)
    except UntrustedInput as error:
        raise UsageError(f"The text of --label is no device's label: {error}") from error


def ca_fingerprint(path: Path) -> bytes:
    """SHA-256 of the collector's CA certificate (DER); UsageError if the file is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(SHA256())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no CA certificate: it is in the folder that `collector init` made.") from error


def _root_key(path: Path) -> bytes:
    return load_ed25519_public(path).public_bytes_raw()


def known_zone(name: str) -> str:
    """The IANA time zone of that name; UsageError if there is none."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"There is no time zone {name!r}; one is Europe/Berlin.") from error
    return name


def _wifi_password(path: Path | None) -> str:
    if path is None:
        return str(click.prompt("Password of the Wi-Fi network (empty: none)", default="", hide_input=True))
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read.") from error
