"""The file that wpa_supplicant reads, read by wpa_supplicant itself."""

import subprocess
from pathlib import Path

import pytest

from debian import need
from safecount.edges.wifi_file import WIFI_FILE, put_wifi
from safecount.wire.wifi_code import WifiCode


@pytest.mark.parametrize(
    "code",
    [
        WifiCode("street", "correct horse"),
        WifiCode('a "quoted" café', 'with "quotes" # and \\ more'),
        WifiCode("open", ""),
        WifiCode("hidden", "p" * 63, hidden=True),
    ],
    ids=lambda code: code.name,
)
def test_wpa_supplicant_takes_it_and_means_that_network(tmp_path: Path, code: WifiCode) -> None:
    put_wifi(tmp_path, code, tmp_path / "control")
    file = tmp_path / WIFI_FILE
    assert file.stat().st_mode & 0o777 == 0o640
    # Without an interface of that name it ends, after it has read its file.
    line = [need("wpa_supplicant"), "-D", "wired", "-i", "no-such-one", "-c", str(file), "-dd", "-K"]
    said = subprocess.run(line, check=False, capture_output=True, text=True, timeout=20).stdout
    assert "Failed to read or parse configuration" not in said
    assert f"ctrl_interface='{tmp_path / 'control'}'" in said
    assert f"ssid - hexdump_ascii(len={len(code.name.encode())})" in said
    if code.password:
        assert f"PSK (ASCII passphrase) - hexdump_ascii(len={len(code.password)})" in said
        assert {"proto: 0x2", "pairwise: 0x10", "group: 0x10"} <= set(said.splitlines()), "RSN and CCMP alone"
    else:
        assert "key_mgmt: 0x4" in said
