"""`safecount-ops dpia`: the draft of a data protection impact assessment, and a sign, from what a device is set to."""

import datetime as dt
import tomllib
from math import exp, tanh
from pathlib import Path

import click
from jinja2 import Environment, StrictUndefined

from safecount.edges.site_files import site_toml
from safecount.errors import UsageError
from safecount.settings import Settings, SiteSettings, parse, read_settings, read_site
from safecount.wire.code_text import MAX_SITE_CODE_CHARACTERS, SITE_CODE_PREFIX
from safecount.wire.errors import UntrustedInput
from safecount.wire.site_code import parse_site_code
from safecount.wire.values import EPSILON, Node, Profile, node_epsilon
from safecount_ops import __version__

_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_DAYS = 22
"""The working days of a month."""


def within(epsilon: float, share: float = 0.95) -> int:
    """The least k with P(abs(noise) <= k) of at least `share`.

    P(abs(noise) > k) = 2 a**(k + 1) / (1 + a) with a = exp(-epsilon).
    """
    a = exp(-epsilon)
    beyond, k = 2 * a / (1 + a), 0
    while beyond > 1 - share:
        beyond, k = beyond * a, k + 1
    return k


def read_configuration(file: Path) -> SiteSettings:
    """What a device is set to: its site.toml, or the site code that it was enrolled with.

    Raises:
        UsageError: it is neither; the text says why.
    """
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            head = opened.read(MAX_SITE_CODE_CHARACTERS + 4)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).") from error
    if head.startswith(SITE_CODE_PREFIX):
        try:
            code = parse_site_code(head)
        except UntrustedInput as error:
            raise UsageError(f"{file} is no site code that can be used: {error}") from error
        return parse(tomllib.loads(site_toml(code, code.serial or "any")), SiteSettings, str(file))
    site = read_site(file)
    if site is None:
        raise UsageError(f"{file} is not there any more.")
    return site


def fill(template: str, site: SiteSettings, settings: Settings, **said: str) -> str:
    """The text with the configuration and what was said in it. Pipes and line ends of names cannot break its tables."""
    profile = Profile[site.profile.upper()]
    epsilon = EPSILON[profile]
    hour = node_epsilon(profile, Node.HOUR, exits=site.exits)
    page = Environment(undefined=StrictUndefined, finalize=_harmless, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - Markdown
    return page.from_string(template).render(
        site=site,
        settings=settings,
        doors=site.doors,
        today=dt.datetime.now(dt.UTC).date().isoformat(),
        version=__version__,
        epsilon=f"{float(epsilon):g}",
        within=within(float(hour)),
        advantage=f"{tanh(float(epsilon) / 2):.3f}",
        days=_DAYS,
        advantage_days=f"{tanh(_DAYS * float(epsilon) / 2):.3f}",
        **said,
    )


def _harmless(value: object) -> object:
    return " ".join(value.replace("|", "\\|").replace("<", "&lt;").split()) if isinstance(value, str) else value


@click.command(name="dpia")
@click.option(
    "--site", "site_file", type=click.Path(path_type=Path), required=True, help="site.toml, or a file with a site code."
)
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="The device's safecount.toml; else what ships."
)
@click.option("--controller", required=True, help="Name and address of who is responsible.")
@click.option("--purpose", required=True, help="One sentence: what the numbers are for.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("dpia.md"), show_default=True)
@click.option("--sign", type=click.Path(path_type=Path), help="Also write the text of the sign here.")
def command(site_file: Path, settings_file: Path | None, out: Path, sign: Path | None, **said: str) -> None:
    """Draft the data protection impact assessment of a counter, and the sign at its door.

    Both are Markdown. What only the controller can say is marked "To do".
    """
    site = read_configuration(site_file)
    settings = read_settings(settings_file) if settings_file else Settings(site.line)
    texts = {out: fill(_TEXTS["assessment"], site, settings, **said)}
    if sign:
        texts[sign] = fill(_TEXTS["sign"], site, settings, **said)
    for path, text in texts.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror}).") from error
        print(f"{path}: {text.lower().count('**to do') + text.count('**zu ergänzen')} places to finish.")
