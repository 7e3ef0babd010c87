"""How far each unit of the image is shut in, measured by the image's own systemd on the unit files of its root."""

import re
from pathlib import Path

import pytest

from safecount_image.board import REPOSITORY
from safecount_image.toolbox import Toolbox

pytestmark = pytest.mark.image

UNITS = REPOSITORY / "config/usr/lib/systemd/system"
LIMITS = {
    "safecount-vision.service": 0.6,
    "safecount-seal.service": 0.3,
    "safecount-uplink.service": 1.0,
    # Root, with the right to mount: it writes slots and opens bundles by the device mapper.
    "rauc.service": 1.6,
    # It sets up a radio and speaks raw packets before there is a network; as a user with just those two rights, and with a
    # local socket that tells provisioning how joining goes.
    "safecount-wifi.service": 1.6,
}
LIMIT = 1.5


def services() -> list[str]:
    return sorted(path.name for path in UNITS.glob("*.service") if path.is_file())


def exposure(root: Path, toolbox: Toolbox, unit: str) -> float:
    """systemd-analyze's own figure, 0 to 10."""
    line = ["systemd-analyze", "security", "--offline=yes", f"--root={root}", "--no-pager", unit]
    told = toolbox.run(*line, readable=[root])
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", told)
    assert found, told
    return float(found[1])


def test_it_is_measured_by_the_systemd_that_the_device_runs(root: Path, toolbox: Toolbox) -> None:
    told = toolbox.run("systemd-analyze", "--version").split()[1]
    assert told == "257"
    assert list((root / "usr/lib/aarch64-linux-gnu/systemd").glob(f"libsystemd-core-{told}.so"))


@pytest.mark.parametrize("unit", services())
def test_a_unit_is_shut_in(root: Path, toolbox: Toolbox, unit: str) -> None:
    assert exposure(root, toolbox, unit) <= LIMITS.get(unit, LIMIT)


def test_the_measure_finds_a_unit_that_is_open(root: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    units = tmp_path / "root/usr/lib/systemd/system"
    units.mkdir(parents=True)
    shut_in = (root / "usr/lib/systemd/system/safecount-vision.service").read_text()
    (units / "open.service").write_text(shut_in.replace("PrivateNetwork=yes\n", ""))
    assert exposure(tmp_path / "root", toolbox, "open.service") > LIMITS["safecount-vision.service"]


def test_each_service_that_is_not_root_has_a_user_of_the_image(root: Path) -> None:
    users = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    roots = {
        "rauc.service",
        *(f"safecount-{name}.service" for name in ("data", "folders", "restart", "gadget", "wifi-renew")),
    }
    for unit in services():
        user = re.search(r"^User=(\S+)$", (UNITS / unit).read_text(), re.MULTILINE)
        assert (user is None) == (unit in roots), unit
        assert user is None or user[1] in users, unit
