"""What several journeys begin with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.release_desk import ReleaseDesk, image
from simulators.release_server import ReleaseServer
from simulators.update_field import Field


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> ReleaseDesk:
    """A release side that has published 1.0.0, and made the bundle of 1.1.0."""
    desk = ReleaseDesk(tmp_path_factory.mktemp("desk")).create()
    desk.publish(desk.bundle("1.0.0"))
    desk.bundle("1.1.0", root=image(7))
    return desk


@pytest.fixture
def field(master: ReleaseDesk, tmp_path: Path) -> Iterator[Field]:
    shutil.copytree(master.folder, tmp_path / "desk")
    desk = ReleaseDesk(tmp_path / "desk")
    (tmp_path / "device").mkdir()
    with ReleaseServer(desk.public) as server:
        yield Field(desk, server, tmp_path / "device")
