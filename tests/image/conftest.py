import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from debian import need
from safecount_image.board import REPOSITORY
from safecount_image.toolbox import Toolbox, make_toolbox


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    for program in ("mmdebstrap", "bwrap"):
        need(program)
    return make_toolbox()


@pytest.fixture(scope="session")
def image() -> Path:
    """The folder of a built image."""
    out = REPOSITORY / "build/image" / os.environ.get("BOARD", "virt")
    if not (out / "SHA256SUMS").exists():
        pytest.fail(f"{out} has no image; make image builds it", pytrace=False)
    return out


@pytest.fixture(scope="session")
def root(image: Path, toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of the image, unpacked with owners and modes."""
    folder = tmp_path_factory.mktemp("root")
    toolbox.run("fsck.erofs", f"--extract={folder}/root", image / "root.erofs", readable=[image], writable=[folder])
    yield folder / "root"
    subprocess.run(["rm", "-rf", folder], check=True)
