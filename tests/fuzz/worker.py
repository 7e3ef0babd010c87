"""Fuzzes one target in this process until libFuzzer's own limits end it: worker.py TARGET [libFuzzer arguments].

A refusal of ours is the right answer to bad bytes; any other exception, a failed assertion, a hang or a swelling
memory is a finding, and libFuzzer keeps its input.
"""

import importlib
import shlex
import sys
from pathlib import Path
from random import Random

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["safecount", "safecount_ops"], enable_loader_override=False):
    target = importlib.import_module(f"fuzz.targets.{sys.argv[1]}")
from fuzz.mutate import changed
from safecount.errors import SafecountError


def one_input(data: bytes) -> None:
    try:
        target.one_input(data)
    except SafecountError:
        return


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Every other time as the form that it has, else libFuzzer's own way."""
    random = Random(seed)
    new = changed(getattr(target, "FORM", "cbor"), data, random) if random.random() < 0.5 else None
    if new is None or len(new) > max_size:
        return bytes(atheris.Mutate(data, max_size))
    return new


# libFuzzer merges in a child, which it starts by this name through a shell.
started_by = shlex.join([sys.executable, *sys.argv[:2]])
atheris.Setup([started_by, *sys.argv[2:]], one_input, custom_mutator=mutate)
atheris.Fuzz()
