"""Where packages come from: the machine's own apt configuration, or MIRROR= for Debian's and RPI_ARCHIVE= for Raspberry Pi's.
No mirror is named here.

Its rule: whatever lets this machine's apt reach its packages (proxies, certificates, time-outs) is handed on to the apts
inside the build.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from safecount_image.errors import BuildError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Of the machine's apt settings, those that say how packages are reached. The others (hooks, pins) are about the machine.
_HANDED_ON = (
    "Acquire::http",
    "Acquire::https",
    "Acquire::ftp",
    "Acquire::Retries",
    "Acquire::Check-",
    "Acquire::ForceIPv",
)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Addresses of Debian's main and security archives, with no slash at the end; apt settings as `Name "value";` lines."""

    debian: str
    security: str
    apt_settings: tuple[str, ...]

    def sources(self, suite: str, architecture: str, types: str = "deb") -> str:
        """The deb822 sources of a suite: the release, its updates, its security updates and its backports. `types`: as apt
        names them, deb and deb-src.
        """
        signed = f"Components: main\nArchitectures: {architecture}\nSigned-By: {KEYRING}\n"
        return (
            f"Types: {types}\nURIs: {self.debian}\nSuites: {suite} {suite}-updates {suite}-backports\n{signed}\n"
            f"Types: {types}\nURIs: {self.security}\nSuites: {suite}-security\n{signed}"
        )


@dataclass(frozen=True, slots=True)
class VendorArchive:
    """The archive of a board's maker: its address with no slash at the end, and the file of the key that signs it."""

    address: str
    key: Path

    def sources(self, suite: str, architecture: str, key: Path) -> str:
        """Its deb822 source; `key` is where apt finds the key file."""
        return (
            f"Types: deb\nURIs: {self.address}\nSuites: {suite}\nComponents: main\n"
            f"Architectures: {architecture}\nSigned-By: {key}\n"
        )


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise BuildError(
            f"The build asks {command[0]} where packages are, and this machine has none; set MIRROR="
        ) from None
    except subprocess.CalledProcessError as failed:
        raise BuildError(f"{' '.join(command)} failed: {failed.stderr.strip()}") from failed


def _archives() -> dict[str, tuple[str, str]]:
    """The machine's apt sources by their label: address, and the file of their key ("" where apt is told none)."""
    listed = _output("apt-get", "indextargets", "--format", "$(LABEL)|$(SIGNED_BY)|$(REPO_URI)", "Created-By: Packages")
    found: dict[str, tuple[str, str]] = {}
    for line in listed.splitlines():
        label, key, uri = line.split("|", 2)
        found.setdefault(label, (uri.rstrip("/"), key))
    return found


def find_vendor(label: str) -> VendorArchive:
    """The archive of a board's maker. Raise BuildError where neither RPI_ARCHIVE nor this apt tells."""
    address, key = os.environ.get("RPI_ARCHIVE", "").rstrip("/"), os.environ.get("RPI_KEY", "")
    if not address:
        address, key = _archives().get(label, ("", key))
    if not address or not key:
        raise BuildError(
            f"This machine's apt does not know the archive of {label}; name its address and the file of its key: "
            "make image BOARD=rpi RPI_ARCHIVE=http://.../debian RPI_KEY=/.../archive-key.asc"
        )
    file = Path(key)
    if not file.is_file():
        raise BuildError(f"The key of the archive of {label} is to be {key}, which is no file; name it by RPI_KEY=.")
    return VendorArchive(address, file.resolve())


def find_mirror() -> Mirror:
    """Raise BuildError where neither MIRROR nor the machine's apt says where Debian's packages are."""
    settings = tuple(
        line
        for line in _output("apt-config", "dump").splitlines()
        if line.startswith(_HANDED_ON) and not line.endswith('"";')
    )
    if chosen := os.environ.get("MIRROR", "").rstrip("/"):
        security = (
            os.environ.get("SECURITY_MIRROR", "").rstrip("/") or f"{chosen.removesuffix('/debian')}/debian-security"
        )
        return Mirror(chosen, security, settings)
    archives = _archives()
    if "Debian" not in archives:
        raise BuildError(
            "This machine's apt knows no Debian archive; run apt-get update, or name one: make image MIRROR=http://.../debian"
        )
    debian = archives["Debian"][0]
    security = archives.get("Debian-Security", (f"{debian.removesuffix('/debian')}/debian-security", ""))[0]
    return Mirror(debian, security, settings)
