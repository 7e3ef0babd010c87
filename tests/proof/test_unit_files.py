"""What the unit files and the firewall say, read from the files that ship. Whether systemd does it is for `make test-image`."""

from pathlib import Path

import pytest

from safecount.edges.wifi_file import WIFI_INTERFACE
from safecount.settings import FolderSettings

UNITS = Path(__file__).parents[2] / "config" / "usr" / "lib" / "systemd" / "system"
FOLDERS = Path(__file__).parents[2] / "config" / "usr" / "lib" / "tmpfiles.d" / "safecount-data.conf"
MODULES = {
    "char-video4linux": "videodev",
    "char-media": "videodev",
    "char-usb_device": "usbcore",
    "char-ttyGS": "u_serial",
    "block-loop": "loop",
}
"""Kinds of devices that the kernel gets to know by a module, and which."""
BUILT_IN = {"char-dma_heap", "char-input", "char-ttyAMA", "char-ttyS"}
OF_THE_CARD = {"block-device-mapper", "block-mmc", "block-blkext", "block-virtblk", "block-sd"}
"""Known since the initramfs."""
FIREWALL = Path(__file__).parents[2] / "config" / "etc" / "nftables.conf"


def directives(unit: str) -> dict[str, list[str]]:
    """Key to its values, of a service of ours with what the common drop-in adds."""
    return read(UNITS / f"{unit}.service", UNITS / "safecount-.service.d" / "sandbox.conf")


def read(*paths: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(key.strip(), []).append(value.strip())
    return found


def test_the_counting_process_has_no_network_no_key_and_no_disk() -> None:
    unit = directives("safecount-vision")
    assert unit["PrivateNetwork"] == ["yes"]
    assert unit["IPAddressDeny"] == ["any"]
    assert unit["ProtectSystem"] == ["strict"]
    assert "ReadWritePaths" not in unit
    assert "StateDirectory" not in unit
    assert unit["LimitCORE"] == ["0"]
    assert unit["TemporaryFileSystem"] == ["/var/lib/safecount:ro"]  # what is mounted there later lies beneath
    assert unit["BindReadOnlyPaths"] == ["/run/safecount/site:/var/lib/safecount/site"]
    again = read(UNITS / "run-safecount-site.mount")
    assert (again["Where"], again["Options"]) == (["/run/safecount/site"], ["bind,ro,nodev,nosuid,noexec"])


@pytest.mark.parametrize("path", [*UNITS.glob("safecount-*.service")], ids=lambda path: path.stem)
def test_a_unit_that_names_folders_of_the_disk_starts_after_them(path: Path) -> None:
    """Its sandbox is made as it starts: a path that is not there yet is neither hidden nor made read-only (ADR 37)."""
    unit = read(path)
    paths = " ".join(value for key in ("InaccessiblePaths", "ReadWritePaths") for value in unit.get(key, ()))
    if "/var/lib/safecount/" in paths:
        assert "safecount-folders.service" in " ".join(unit.get("After", ())).split()


def test_the_sealing_process_has_no_network_and_no_camera() -> None:
    unit = directives("safecount-seal")
    assert unit["PrivateNetwork"] == ["yes"]
    assert unit["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in unit


def test_the_process_with_the_network_has_no_camera_and_no_signing_key() -> None:
    unit = directives("safecount-uplink")
    assert unit["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in unit
    assert unit["User"] == ["safecount-uplink"]  # the signing key is the seal user's (tests/edges/test_identity.py)


@pytest.mark.parametrize("path", [*UNITS.glob("*.service")], ids=lambda path: path.stem)
def test_a_kind_of_device_is_known_before_a_unit_is_allowed_it(path: Path) -> None:
    """systemd.resource-control(5), DeviceAllow=: what the kernel does not know when the unit starts is not allowed."""
    unit = read(path)
    kinds = {line.split()[0] for line in unit.get("DeviceAllow", ()) if not line.startswith("/")}
    for module in {MODULES[kind] for kind in kinds - BUILT_IN - OF_THE_CARD}:
        for when in ("Wants", "After"):
            assert f"modprobe@{module}.service" in " ".join(unit[when]).split(), f"{when} {module}"


def test_wifi_is_off_until_a_network_was_named() -> None:
    unit = directives("safecount-wifi")
    assert unit["ConditionPathExists"] == ["/var/lib/safecount/wifi/wpa_supplicant.conf"]
    assert f"-c {unit['ConditionPathExists'][0]}" in unit["ExecStart"][0]


def test_the_wifi_tells_provisioning_alone_how_it_goes() -> None:
    wifi, provision = directives("safecount-wifi"), directives("safecount-provision")
    control = str(FolderSettings().wifi_control)
    assert wifi["ReadWritePaths"] == [control]
    assert f"d {control}          2750 safecount-wifi      safecount-wifi" in FOLDERS.read_text(encoding="utf-8")
    assert "safecount-wifi" in provision["SupplementaryGroups"][0].split()
    for unit in ("vision", "seal", "uplink", "update", "setup"):
        assert "safecount-wifi" not in " ".join(directives(f"safecount-{unit}").get("SupplementaryGroups", []))
    assert "-/run/dbus" in " ".join(wifi["InaccessiblePaths"]), (
        "it may open local sockets, and reaches no other service's"
    )
    assert f"-i {WIFI_INTERFACE} " in wifi["ExecStart"][0]


def test_the_firewall_lets_nothing_in_but_over_the_cable() -> None:
    rules = FIREWALL.read_text(encoding="utf-8")
    chain = rules[rules.index("chain input") : rules.index("chain forward")]
    assert "policy drop" in chain
    accepted = [line.strip() for line in chain.splitlines() if "accept" in line]
    opened = [line for line in accepted if not line.startswith(("iif lo", "ct state", "udp sport 67", "icmpv6"))]
    assert opened
    assert all(line.startswith('iifname "usb0"') for line in opened)
