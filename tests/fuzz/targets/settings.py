"""settings.parse: a settings file, as TOML that somebody wrote by hand or an attacker on the card."""

import tomllib

from safecount.errors import UsageError
from safecount.settings import Settings, parse

FORM = "toml"
SEEDS = [
    b'[[line]]\nname="a"\ndoor="a"\nstart=[0.1,0.5]\nend=[0.9,0.5]\nin_side="down"\n',
    b"[camera]\nframes_per_second=10\n[model]\nthreads=1\n[tracker]\n[counter]\n",
]


def one_input(data: bytes) -> None:
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError("no TOML") from error
    parse(table, Settings, "fuzz")
