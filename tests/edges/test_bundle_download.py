"""What a download leaves on the disk for RAUC, and what it does with what RAUC has left there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safecount.edges.bundle_download import BundleDownload
from safecount.edges.web import Web
from safecount.wire.block_index import parse_index
from safecount.wire.release import Release
from safecount_ops.release.bundle import index_of
from simulators.release_desk import ReleaseDesk
from simulators.release_server import ReleaseServer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Release, bytes, ReleaseServer]]:
    desk = ReleaseDesk(tmp_path_factory.mktemp("desk")).create()
    bundle = desk.bundle("1.1.0")
    release = desk.publish(bundle)
    with ReleaseServer(desk.public) as server:
        yield release, index_of(bundle), server


def fetch(served: tuple[Release, bytes, ReleaseServer], path: Path) -> None:
    release, index, server = served
    folder, _, name = release.path.rpartition("/")
    web = Web()
    try:
        url = f"{server.url}/targets/{folder}/{release.digest.hex()}.{name}"
        BundleDownload(web, url, release, parse_index(index, release.length), path, keep_free=0).run()
    finally:
        web.close()


def test_rauc_may_read_it_whatever_the_umask_is(served: tuple[Release, bytes, ReleaseServer], tmp_path: Path) -> None:
    before = os.umask(0o077)  # that of every unit
    try:
        fetch(served, tmp_path / "bundle.part")
    finally:
        os.umask(before)
    assert (tmp_path / "bundle.part").stat().st_mode & 0o777 == 0o640


def test_a_bundle_that_rauc_has_made_its_own_is_fetched_anew(
    served: tuple[Release, bytes, ReleaseServer], tmp_path: Path
) -> None:
    path = tmp_path / "bundle.part"
    fetch(served, path)
    path.chmod(0o400)
    if os.geteuid() == 0:  # to whom every file is writable
        os.chown(path, 65534, 65534)
    fetch(served, path)
    now = path.stat()
    assert (now.st_uid, now.st_size, now.st_mode & 0o777) == (os.geteuid(), served[0].length, 0o640)
