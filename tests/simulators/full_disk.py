"""`python -m simulators.full_disk FOLDER URL ROOT`: an update process's files on a real disk of 512 KiB, which becomes full
while metadata, memory and a bundle are written, and is made larger in the end. It prints how each of them ended.

Run it in a mount namespace of its own.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from safecount.edges.tuf_client import RepositorySettings, TufRepository
from safecount.edges.update_memory import UpdateMemoryFile
from safecount.edges.web import Web
from safecount.errors import SafecountError
from safecount.updating.memory import Memory
from safecount.updating.ports import Refused

ANY_ROOM = -(2**40)
"""The look before a download is passed: what is met is the disk itself, as when somebody else fills it meanwhile."""


def main(folder: Path, url: str, root_file: Path) -> None:
    mount(folder, "size=512k")
    ballast = folder / "ballast"
    tuf = folder / "update"
    tuf.mkdir()
    repository = TufRepository(RepositorySettings(url, tuf, root_file, keep_free=ANY_ROOM), Web())
    fill(ballast)
    tell("metadata", repository.releases)
    tell("memory", lambda: UpdateMemoryFile(tuf).save(Memory()))
    ballast.unlink()
    (release,) = repository.releases()
    tell("bundle", lambda: repository.fetch(release))
    mount(folder, "remount,size=8m")
    tell("later", lambda: repository.fetch(release))


def tell(what: str, do: Callable[[], object]) -> None:
    try:
        do()
    except Refused as refused:
        say(what, refused.refusal.name)
    except SafecountError as error:
        say(what, str(error))
    else:
        say(what, "well")


def say(what: str, ended: str) -> None:
    sys.stdout.write(f"{what} {ended}\n")


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
