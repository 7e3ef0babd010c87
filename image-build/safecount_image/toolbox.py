"""The build's tools: a Debian tree of its own, made once and entered with bubblewrap, so that every builder has the same.

Its rule: nothing but bubblewrap, mmdebstrap and Python is asked of the machine. The tree is known by the hash of what it
was made from.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safecount_image.errors import BuildError
from safecount_image.mirror import KEYRING, Mirror, find_mirror

SUITE = "trixie"
# What each is for, in the order of use.
PACKAGES = (
    "ca-certificates",
    "debian-archive-keyring",
    "mkosi",  # makes the root
    "qemu-user",  # runs the packages' own scripts
    "systemd",  # users and presets of the root
    "kmod",  # modules.dep of the kernel
    "busybox-static:arm64",  # the initramfs
    "cpio",
    "zstd",
    "erofs-utils",
    "cryptsetup-bin",  # veritysetup
    "dosfstools",
    "mtools",
    "fdisk",
    "genimage",  # the card
    "xz-utils",
    "bmap-tools",
    "openssl",
    "rauc",  # bundles
    "squashfs-tools",
    "e2fsprogs",
    "device-tree-compiler",  # the bench's firmware
    "qemu-system-arm",
    "libfaketime",  # a second build at another time
)


FAKE_CLOCK = "SAFECOUNT_FAKE_CLOCK"
"""A time for the programs of the tree to live in, as libfaketime reads it ("+400d"): `make reproduce` sets it."""
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/root"}
# Of this machine, what tells the programs how to reach a name.
_FROM_HERE = ("/etc/resolv.conf", "/etc/hosts")


def _fake_clock() -> dict[str, str]:
    chosen = os.environ.get(FAKE_CLOCK)
    return {"LD_PRELOAD": _FAKETIME, "FAKETIME": chosen, "NO_FAKE_STAT": "1"} if chosen else {}


def cache_folder() -> Path:
    """Where what was fetched is kept between builds: SAFECOUNT_IMAGE_CACHE, or the user's cache folder."""
    chosen = os.environ.get("SAFECOUNT_IMAGE_CACHE")
    base = (
        Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "safecount-image"
    )
    base.mkdir(parents=True, exist_ok=True)
    return base.resolve()


@dataclass(frozen=True, slots=True)
class Toolbox:
    """A tool tree that exists."""

    tree: Path

    def command(
        self,
        arguments: Sequence[str | Path],
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
    ) -> list[str]:
        """The command line that runs `arguments` inside the tree, with the folders given at the same paths as outside."""
        line = [
            "bwrap",
            "--die-with-parent",
            "--dev-bind",
            "/dev",
            "/dev",
            "--proc",
            "/proc",
            "--ro-bind",
            "/sys",
            "/sys",
        ]
        for name in sorted(entry.name for entry in self.tree.iterdir()):
            if (self.tree / name).is_symlink():
                line += ["--symlink", str((self.tree / name).readlink()), f"/{name}"]
            elif name in {"usr", "etc", "var"}:  # the tools are never written: every build finds the same
                line += ["--ro-bind", str(self.tree / name), f"/{name}"]
        for name in ("/run", "/tmp", "/var/tmp", "/root"):  # noqa: S108 - of the sandbox
            line += ["--tmpfs", name]
        for name in _FROM_HERE:
            line += ["--ro-bind-try", name, name]
        line.append("--clearenv")
        for name, value in (_ENVIRONMENT | _fake_clock() | dict(environment or {})).items():
            line += ["--setenv", name, value]
        for folder in readable:
            line += ["--ro-bind", str(folder), str(folder)]
        for folder in writable:
            line += ["--bind", str(folder), str(folder)]
        return [*line, "--", *map(str, arguments)]

    def run(
        self,
        *arguments: str | Path,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 1800,
    ) -> str:
        """Run a program inside the tree and return what it printed.

        Raises:
            BuildError: it failed or took too long; the text ends with the last lines that it printed.
        """
        line = self.command(arguments, writable, readable, environment)
        try:
            done = subprocess.run(
                line,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as late:
            raise BuildError(f"{arguments[0]} took longer than {timeout_s:.0f} s and was stopped.") from late
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-25:])
            raise BuildError(f"{' '.join(map(str, arguments[:4]))} ended with {done.returncode}:\n{tail}")
        return done.stdout


def _fingerprint(mirror: Mirror) -> str:
    return hashlib.sha256(repr((SUITE, PACKAGES, mirror.debian)).encode()).hexdigest()[:16]


def make_toolbox() -> Toolbox:
    """The tool tree, made now if this machine has none of this kind yet (about a minute).

    Raises:
        BuildError: a program of the machine is missing, or packages cannot be had.
    """
    for program, package in (("bwrap", "bubblewrap"), ("mmdebstrap", "mmdebstrap")):
        if not shutil.which(program):
            raise BuildError(f"The build needs {program}; install it (Debian and Ubuntu: apt-get install {package}).")
    mirror = find_mirror()
    tree = cache_folder() / f"tools-{_fingerprint(mirror)}"
    if not tree.is_dir():
        print("Making the tool tree (once; about a minute) ...", file=sys.stderr, flush=True)
        _bootstrap(tree, mirror)
    return Toolbox(tree)


def _bootstrap(tree: Path, mirror: Mirror) -> None:
    unfinished = tree.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    sources = [
        f"deb [signed-by={KEYRING}] {mirror.debian} {SUITE} main",
        f"deb [signed-by={KEYRING}] {mirror.debian} {SUITE}-updates main",
        f"deb [signed-by={KEYRING}] {mirror.security} {SUITE}-security main",
    ]
    settings = [f"--aptopt={setting}" for setting in (*mirror.apt_settings, 'APT::Install-Recommends "false";')]
    line = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        "--architectures=amd64,arm64",
        f"--include={','.join(PACKAGES)}",
    ]
    line += [*settings, "--skip=cleanup/reproducible", SUITE, str(unfinished), *sources]
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=1200)
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BuildError(f"The tool tree could not be made:\n{done.stderr.strip()[-2000:]}")
    for name in _FROM_HERE:
        (unfinished / name[1:]).touch()  # to be bound over
    unfinished.rename(tree)
