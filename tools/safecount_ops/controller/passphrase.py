"""Where a pass-phrase comes from: the terminal, or a file. Never an argument, which every process could read."""

import os
import sys
from pathlib import Path

import click

from safecount.errors import UsageError

ENVIRONMENT = "SAFECOUNT_PASSPHRASE_FILE"
LEAST_LENGTH = 12
_MAX_BYTES = 1024

option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    help=f"File that holds the pass-phrase, such as /dev/fd/3 (also ${ENVIRONMENT}); else it is asked for.",
)


def ask(file: Path | None, what: str, *, new: bool = False) -> str:
    """The pass-phrase of `what`; a new one is asked for twice and has at least LEAST_LENGTH characters.

    Raises:
        UsageError: the file cannot be read, there is no terminal to ask on, or a new one is too short.
    """
    if file is not None:
        phrase = from_file(file)
    elif sys.stdin.isatty():
        phrase = click.prompt(f"Pass-phrase of {what}", hide_input=True, confirmation_prompt=new, err=True)
    else:
        raise UsageError(f"There is no terminal to ask for the pass-phrase of {what}: name a file, --passphrase-file.")
    if new and len(phrase) < LEAST_LENGTH:
        raise UsageError(
            f"The pass-phrase has {len(phrase)} characters; take at least {LEAST_LENGTH}, such as five words drawn by dice."
        )
    return str(phrase)


def from_file(file: Path) -> str:
    """The one line of a file; UsageError where there is none."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_BYTES + 1)
        phrase = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The pass-phrase file {os.fspath(file)} cannot be read: {error}.") from error
    if not phrase or len(raw) > _MAX_BYTES or "\n" in phrase:
        raise UsageError(f"The pass-phrase file {os.fspath(file)} must hold one line of at most {_MAX_BYTES} bytes.")
    return phrase
