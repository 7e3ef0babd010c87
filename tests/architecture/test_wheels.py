"""What each wheel contains: the device's is lean, and neither carries the other's code."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    out = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "tools"):
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
        subprocess.run(command, check=True, capture_output=True, text=True)
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in out.glob("*.whl")}


def names(wheel: zipfile.ZipFile) -> list[str]:
    return [name for name in wheel.namelist() if ".dist-info/" not in name]


def test_the_device_wheel_holds_the_firmware_and_nothing_else(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert {name.split("/")[0] for name in names(wheels["safecount"])} == {"safecount"}
    page = {name for name in names(wheels["safecount"]) if name.startswith("safecount/setting_up/page/")}
    assert {Path(name).suffix for name in page} == {".html", ".css", ".js", ".svg"}
    assert {Path(name).suffix for name in {*names(wheels["safecount"])} - page} <= {".py", ".toml", ".typed"}


def test_the_device_wheel_is_lean(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert sum(info.compress_size for info in wheels["safecount"].infolist()) < 275_000


def test_the_operators_wheel_holds_no_firmware(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert {name.split("/")[0] for name in names(wheels["safecount_ops"])} == {"safecount_ops"}
