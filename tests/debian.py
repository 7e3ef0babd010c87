"""Programs of Debian packages that a test needs: installed when the tests run as root, else a failure that says what to do."""

import os
import shutil
import subprocess
from functools import cache

import pytest

PACKAGES = {"bwrap": "bubblewrap", "mosquitto_passwd": "mosquitto", "mksquashfs": "squashfs-tools", "sfdisk": "fdisk"}
"""The package of a program, where it is not of the same name."""
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@cache
def need(program: str) -> str:
    """The path of a program; a test that cannot have it fails, and never skips."""
    path = os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM_PATH))
    if found := shutil.which(program, path=path):
        return found
    package = PACKAGES.get(program, program)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(install, check=False, capture_output=True, env=environment).returncode:
            subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
            subprocess.run(install, check=False, capture_output=True, env=environment)
        if found := shutil.which(program, path=path):
            return found
    pytest.fail(f"This test needs {program}; install it: apt-get install {package}", pytrace=False)
