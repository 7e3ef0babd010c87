"""Makes a frozen settings dataclass of a TOML file. It knows no key itself: the dataclass's fields are what may be said."""

import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from safecount.errors import UsageError

T = TypeVar("T")

MAX_FILE_BYTES = 64 * 1024


def read_table(path: Path) -> dict[str, object]:
    """Read a TOML file of at most `MAX_FILE_BYTES`.

    Raises:
        UsageError: it is longer, or no TOML.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise UsageError(f"The file {path} is over {MAX_FILE_BYTES // 1024} KiB: that is not a settings file of ours.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {path} is not valid TOML: {error}.") from error


def parse(table: Mapping[str, object], into: type[T], where: str) -> T:
    """Make a frozen settings dataclass of a TOML table.

    Args:
        table: keys and values as `tomllib` gives them.
        into: the dataclass; its field types decide what is accepted (str, int, float, bool, Literal, tuples or
            dataclasses).
        where: names the table in error texts.

    Raises:
        UsageError: an unknown or missing key, a value of another type, or one that the dataclass refuses.
    """
    hints = typing.get_type_hints(into)
    known = {f.name: f for f in fields(into)}  # type: ignore[arg-type]  # T is a dataclass by contract
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it knows {', '.join(sorted(known))}."
            raise UsageError(f"{where} has the unknown key '{key}'{hint}")
    missing = [n for n, f in known.items() if n not in table and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise UsageError(f"{where} lacks '{missing[0]}'.")
    values = {key: _value(value, hints[key], f"{where}: {key}") for key, value in table.items()}
    try:
        return into(**values)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _value(value: object, hint: Any, where: str) -> object:  # noqa: ANN401 - a type hint is any object
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise UsageError(f"{where} is {value!r}, but may only be one of {', '.join(map(repr, choices))}.")
        return value
    if origin in (typing.Union, types.UnionType):  # only "X | None" occurs, and TOML has no null
        return _value(value, next(arm for arm in typing.get_args(hint) if arm is not type(None)), where)
    if origin is tuple:
        return _tuple(value, typing.get_args(hint), where)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise UsageError(f"{where} must be a table.")
        return parse(value, hint, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UsageError(f"{where} is {value!r}, but must be of type {hint.__name__}.")
    return value


def _tuple(value: object, arms: tuple[Any, ...], where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{where} must be a list.")
    if len(arms) == 2 and arms[1] is Ellipsis:
        return tuple(_value(item, arms[0], f"{where} {n}") for n, item in enumerate(value, 1))
    if len(value) != len(arms):
        raise UsageError(f"{where} has {len(value)} values, but needs {len(arms)}.")
    return tuple(_value(item, arm, f"{where} {n}") for n, (item, arm) in enumerate(zip(value, arms, strict=True), 1))
