"""A throw-away PostgreSQL cluster for one test or measurement: `initdb` and `pg_ctl`, on a socket, as an ordinary user."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian import need

_NOBODY = "postgres"


@contextmanager
def postgres_cluster(*settings: str) -> Iterator[str]:
    """Its address, for collectors. `settings`: of postgresql.conf, beside its own defaults, which are durable."""
    folder = Path(tempfile.mkdtemp(prefix="safecount-pg-"))  # a socket's path must be short
    data, log = folder / "data", folder / "log"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _NOBODY)
        _run("initdb", "-D", data, "-A", "trust", "-U", "safecount", "--encoding=UTF8", "--locale=C.UTF-8")
        options = " ".join(f"-c {one}" for one in (f"unix_socket_directories={folder}", "listen_addresses=", *settings))
        _run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql://safecount@/postgres?host={folder}"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str | Path) -> None:
    """As root these programs refuse to run: they run as the user that Debian's package made."""
    command = [_program(program), *map(str, arguments)]
    who = pwd.getpwnam(_NOBODY).pw_uid if os.geteuid() == 0 else None
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=who, cwd="/")


def _program(name: str) -> str:
    if not (found := _installed(name)):
        need("pg_createcluster")
        found = _installed(name)
    return str(found[-1])


def _installed(name: str) -> list[Path]:
    """That of each version, oldest first."""
    return sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
