"""Where Debian's packages come from: the machine's own apt configuration, or MIRROR=. No mirror is named here.

Its rule: whatever lets this machine's apt reach its packages (proxies, certificates, time-outs) is handed on to the apts
inside the build.
"""

import os
import subprocess
from dataclasses import dataclass

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

    def sources(self, suite: str, architecture: str) -> str:
        """The deb822 sources of a suite: the release, its updates, its security updates and its backports."""
        signed = f"Components: main\nArchitectures: {architecture}\nSigned-By: {KEYRING}\n"
        return (
            f"Types: deb\nURIs: {self.debian}\nSuites: {suite} {suite}-updates {suite}-backports\n{signed}\n"
            f"Types: deb\nURIs: {self.security}\nSuites: {suite}-security\n{signed}"
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


def _archives() -> dict[str, str]:
    """Debian's archives among the machine's apt sources, by their label."""
    listed = _output("apt-get", "indextargets", "--format", "$(LABEL)|$(SITE)|$(REPO_URI)", "Created-By: Packages")
    found: dict[str, str] = {}
    for line in listed.splitlines():
        label, _, uri = line.split("|", 2)
        found.setdefault(label, uri.rstrip("/"))
    return found


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
    return Mirror(
        archives["Debian"],
        archives.get("Debian-Security", f"{archives['Debian'].removesuffix('/debian')}/debian-security"),
        settings,
    )
