"""The arrows of docs/architecture.md: who may import whom. Read from the source, so that lazy imports count too."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
TOOLS = ROOT / "tools"
STAGES = ("counting", "delivery", "provisioning", "updating", "setting_up")

# What each part of the device may import of ours, and from elsewhere beyond the standard library.
OURS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "wire": ("wire", "errors"),
    **{stage: (stage, "wire", "errors") for stage in STAGES},
    "edges": ("edges", *STAGES, "wire", "errors"),
    "settings": ("settings", *STAGES, "edges", "wire", "errors"),
    "roles": ("roles", "settings", "edges", *STAGES, "wire", "errors"),
    "__main__": ("roles", "settings", "errors"),
}
LIBRARIES: dict[str, set[str]] = {
    "errors": set(),
    "wire": {"cbor2", "cryptography"},
    "counting": {"numpy"},
    "delivery": {"cbor2", "cryptography"},
    "provisioning": {"cbor2", "cryptography"},
    "updating": set(),
    "setting_up": {"numpy"},
    "settings": set(),
    "roles": {"numpy", "cryptography"},  # for their types alone
    "__main__": set(),
}
# The tools that run the counting core at a desk; everything else there sees the formats only.
DESK_TOOLS = {"evaluate", "replay", "simulate", "run", "assets", "desk", "privacy", "proof"}
# No clock and no I/O in the pure parts.
WORLDLY = {
    "time",
    "socket",
    "subprocess",
    "os",
    "pathlib",
    "io",
    "shutil",
    "tempfile",
    "urllib",
    "http",
    "sqlite3",
    "random",
    "threading",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def device_files() -> list[Path]:
    return sorted((FIRMWARE / "safecount").rglob("*.py"))


def part_of(path: Path) -> str:
    inside = path.relative_to(FIRMWARE / "safecount")
    return inside.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", device_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_device_keeps_its_arrows(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    for name in imports(path):
        top = name.split(".")[0]
        assert top != "safecount_ops", f"{path}: the device never imports the operator's tools"
        if top == "safecount":
            target = name.split(".")[1] if "." in name else "__init__"
            assert target in (*OURS[part], "__version__", "__init__"), f"{path}: {part} may not import {name}"
        elif part in LIBRARIES and top not in sys.stdlib_module_names:
            assert top in LIBRARIES[part], f"{path}: {part} may not import {name}"


@pytest.mark.parametrize(
    "path", [p for p in device_files() if part_of(p) in {*STAGES, "wire"}], ids=lambda path: str(path.relative_to(ROOT))
)
def test_pure_parts_have_no_clock_and_no_io(path: Path) -> None:
    worldly = {name.split(".")[0] for name in imports(path)} & WORLDLY
    assert not worldly, f"{path} is pure and may not import {worldly}"
    source = ast.parse(path.read_text(encoding="utf-8"))
    calls = {
        node.func.id for node in ast.walk(source) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input"}, f"{path} is pure"


@pytest.mark.parametrize(
    "path", sorted((TOOLS / "safecount_ops").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_tools_see_the_formats_only(path: Path) -> None:
    family = path.relative_to(TOOLS / "safecount_ops").parts[0].removesuffix(".py").split("_")[0]
    for name in imports(path):
        if name.split(".")[0] == "safecount" and "." in name and family not in DESK_TOOLS:
            assert name.split(".")[1] in {"wire", "errors"}, f"{path}: only {sorted(DESK_TOOLS)} may import {name}"


def test_the_device_cannot_open_what_it_seals() -> None:
    """Sealing is on the device, opening in the tools only: no call of a private HPKE operation in the firmware."""
    for path in device_files():
        assert ".decrypt(" not in path.read_text(encoding="utf-8"), (
            f"{path}: the device has no code that could read its own spool"
        )


@pytest.mark.parametrize("role", ["seal", "uplink", "provision", "update", "setup", "data"])
def test_only_the_counting_process_loads_numpy(role: str) -> None:
    """A third of a process's start, and 20 MB in each, for nothing where no picture is handled."""
    code = f"import sys, safecount.roles.{role}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_counting_process_loads_no_cryptography() -> None:
    """It has no key; and loading what uses one would be a tenth of its start."""
    code = "import sys, safecount.roles.vision; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
