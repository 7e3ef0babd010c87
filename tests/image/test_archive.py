from dataclasses import replace
from pathlib import Path

import pytest

from safecount_image.board import FOLDER
from safecount_image.mirror import find_mirror
from safecount_image.packages import Archive, GoneError, read_lock
from safecount_image.toolbox import Toolbox


@pytest.mark.image
def test_a_lock_that_the_archive_no_longer_serves_stops_with_the_list_of_what_is_gone(
    toolbox: Toolbox, tmp_path: Path
) -> None:
    archive = Archive(toolbox, find_mirror(), tmp_path / "apt")
    archive.update()
    served = read_lock(FOLDER / "locks/virt.tsv")[:4]
    gone = [replace(served[1], version="0.1-1", sha256="0" * 64), replace(served[3], version="0.2-1", sha256="1" * 64)]
    with pytest.raises(GoneError) as stopped:
        archive.fetch([served[0], gone[0], served[2], gone[1]], tmp_path)
    text = str(stopped.value)
    assert "2 of the packages" in text
    assert f"{gone[0].name} 0.1-1" in text
    assert f"{gone[1].name} 0.2-1" in text
    assert "make lock-image" in text
    assert served[0].name not in text
