"""Programs of Debian packages that a test needs: installed when the tests run as root, else a failure that says what to do."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

PACKAGES = {
    "pg_createcluster": "postgresql",
    "bwrap": "bubblewrap",
    "dnsmasq": "dnsmasq-base",
    "mosquitto_passwd": "mosquitto",
    "mksquashfs": "squashfs-tools",
    "pdftotext": "poppler-utils",
    "sfdisk": "fdisk",
    "wpa_supplicant": "wpasupplicant",
    "ip": "iproute2",
    "node": "nodejs",
    "nsenter": "util-linux",
    "pki": "strongswan-pki",
    "unshare": "util-linux",
    "testssl": "testssl.sh",
}
"""The package of a program, where it is not of the same name."""
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@cache
def need(program: str) -> str:
    """The path of a program; a test that cannot have it fails, and never skips."""
    path = os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM_PATH))
    if found := shutil.which(program, path=path):
        return found
    package = PACKAGES.get(program, program)
    _install(package)
    if found := shutil.which(program, path=path):
        return found
    pytest.fail(f"This test needs {program}; install it: apt-get install {package}", pytrace=False)


@cache
def need_file(name: str, package: str) -> Path:
    """A file of a package below the folder of libraries; a test that cannot have it fails, and never skips."""
    for attempt in range(2):
        if found := sorted([*Path("/usr/lib").glob(f"*-linux-gnu/{name}"), *Path("/usr/lib").glob(name)]):
            return found[0]
        if attempt == 0:
            _install(package)
    pytest.fail(f"This test needs {name}; install it: apt-get install {package}", pytrace=False)


def _install(package: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(install, check=False, capture_output=True, env=environment).returncode:
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        subprocess.run(install, check=False, capture_output=True, env=environment)
