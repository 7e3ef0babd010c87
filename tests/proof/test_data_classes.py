"""What docs/data-classes.md says is so: what is of a person reaches no format, no store, no network and no journal."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import safecount.wire
from safecount.edges.journal import Event, tell

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "firmware" / "safecount"
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", "."): path for path in SOURCE.rglob("*.py")}
FORMATS = [
    importlib.import_module(f"safecount.wire.{found.name}") for found in pkgutil.iter_modules(safecount.wire.__path__)
]
SERIALISERS = {
    "cbor2": {"wire.encoding"},
    "json": {"setting_up.requests", "roles.setup_page", "edges.site_files", "edges.rauc"},
    "sqlite3": {"edges.spool_db", "edges.spool_file"},
    "struct": {"edges.board_key", "edges.button"},
    "logging": {"edges.camera", "roles.data"},
}
"""Who may turn values into bytes, or write lines of its own: the formats, the set-up page's answers, site.toml, rauc's status,
the spool, what a board's mailbox and button say, and two that tame the logs of others.
"""
NEVER = {"pickle", "csv", "marshal", "shelve", "syslog", "dbm", "plistlib", "xmlrpc"}


@cache
def classes() -> dict[str, tuple[list[str], list[str]]]:
    """Class of data to its types and to the code that may name them."""
    page = (ROOT / "docs" / "data-classes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (person|sealed|secret|operation|public) \|[^|]*\|([^|]*)\|([^|]*)\|$", page, re.MULTILINE)
    return {name: (re.findall(r"`([\w.]+)`", types), re.findall(r"`([\w.]+)`", code)) for name, types, code in rows}


def resolve(name: str) -> type:
    module, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(f"safecount.{module}"), last)
    assert isinstance(found, type)
    return found


def persons() -> set[type]:
    return {resolve(name) for name in classes()["person"][0]}


def test_each_type_of_the_formats_has_one_class() -> None:
    named = [name for types, _ in classes().values() for name in types]
    ours = {
        f"{module.__name__.removeprefix('safecount.')}.{name}"
        for module in FORMATS
        for name, thing in vars(module).items()
        if dataclasses.is_dataclass(thing) and isinstance(thing, type) and thing.__module__ == module.__name__
    }
    assert sorted(name for name in named if name.startswith("wire.")) == sorted(ours)
    assert all(isinstance(resolve(name), type) for name in named)


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def test_only_the_code_named_here_sees_what_is_of_a_person() -> None:
    types, allowed = classes()["person"]
    guarded = {f"safecount.{name}" for name in types}
    homes = {name.rpartition(".")[0] for name in guarded}
    seen = set()
    for module, path in MODULES.items():
        for source, name in imported(path):
            assert source not in homes or name, f"{module} takes {source} whole: then nobody sees what it uses of it"
            if f"{source}.{name}" in guarded:
                seen.add(module)
    outside = {module for module in seen if not any(module == one or module.startswith(f"{one}.") for one in allowed)}
    assert not outside
    stale = {one for one in allowed if one not in MODULES and not (SOURCE / one).is_dir()}
    assert not stale, "named in the page, and not there"
    for part in (
        "delivery",
        "roles.seal",
        "roles.sealing",
        "roles.uplink",
        "edges.spool_db",
        "edges.https",
        "edges.journal",
    ):
        assert part not in allowed


def within(hint: object, seen: set[object]) -> Iterator[object]:
    """All types that a value of this type can hold."""
    if hint in seen:
        return
    seen.add(hint)
    yield hint
    for part in typing.get_args(hint):
        yield from within(part, seen)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        for part in typing.get_type_hints(hint).values():
            yield from within(part, seen)


def makers_of_bytes(module: ModuleType) -> Iterator[Callable[..., object]]:
    for function in vars(module).values():
        ours = inspect.isfunction(function) and function.__module__ == module.__name__
        if ours and typing.get_type_hints(function).get("return") in (bytes, str):
            yield function


ODD = {float, object, typing.Any, complex, memoryview, bytearray}


def roomy(module: ModuleType) -> set[str]:
    """The arguments of a module's encoders that could hold what is of a person: its types, floats, arrays, anything."""
    found = set()
    for function in makers_of_bytes(module):
        hints = typing.get_type_hints(function)
        for name, hint in hints.items():
            untrusted = name.startswith("untrusted") or name == "return"  # what is read, not what is written
            for part in () if untrusted else within(hint, set()):
                if part in persons() or part in ODD or getattr(part, "__module__", "").startswith("numpy"):
                    found.add(f"{function.__name__}: {name}: {part}")
    return found


def test_no_format_has_room_for_what_the_tracker_knows() -> None:
    assert {module.__name__ for module in FORMATS if roomy(module)} == {"safecount.wire.scene"}
    assert any("SeenPerson" in one for one in roomy(importlib.import_module("safecount.wire.scene")))


def test_no_other_module_can_turn_values_into_bytes() -> None:
    for module, path in MODULES.items():
        for source, _ in imported(path):
            top = source.split(".")[0]
            assert top not in NEVER, f"{module} imports {top}"
            assert module in SERIALISERS.get(top, {module}), f"{module} imports {top}"
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.tofile\(|np\.save|imwrite", text), f"{module} writes an array"


def test_the_journal_is_told_members_of_closed_lists_only() -> None:
    hints = typing.get_type_hints(tell)
    assert hints == {"event": Event, "of": Enum | None, "return": type(None)}  # mypy holds every caller to it
    told = 0
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tell":
                told += 1
                first, *rest = node.args
                assert re.fullmatch(r"Event\.[A-Z_]+", ast.unparse(first)), f"{module}: {ast.unparse(node)}"
                assert len(rest) <= 1
                assert not node.keywords
                assert all(isinstance(one, ast.Attribute) for one in rest), f"{module}: {ast.unparse(node)}"
    assert told > 20


@pytest.mark.parametrize("body", ["class Enumerated(Enum):\n    A = something()", "Event._value_ = 3"])
def test_no_list_is_opened_while_the_device_runs(body: str) -> None:
    """An Enum whose values are calls or set later would be no closed list; the check finds both."""
    assert open_lists(ast.parse(body))


def open_lists(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).split(".")[-1] == "Enum" for base in node.bases):
            values = [one.value for one in node.body if isinstance(one, ast.Assign)]
            found += [
                ast.unparse(one)
                for one in values
                for part in ast.walk(one)
                if isinstance(part, ast.Call) and ast.unparse(part) != "auto()"
            ]
        if isinstance(node, ast.Assign) and any("._value_" in ast.unparse(target) for target in node.targets):
            found.append(ast.unparse(node))
    return found


def test_every_list_of_the_device_is_closed() -> None:
    assert not [one for path in MODULES.values() for one in open_lists(ast.parse(path.read_text(encoding="utf-8")))]
