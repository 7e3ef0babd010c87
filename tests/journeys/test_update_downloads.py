"""Whatever becomes of a download, and whatever state the device is in, it ends in a named state and goes on with what runs.

Real TUF metadata, real bundles signed by RAUC and checked by it, and a real web server on loopback.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from safecount.edges.bundle_download import BundleDownload, Source
from safecount.edges.web import Pace, Web
from safecount.updating.ports import ClockReading, Refused
from safecount.wire.block_index import parse_index
from safecount.wire.update_state import Refusal, UpdateState
from safecount.wire.values import ClockQuality
from safecount_ops.release.bundle import index_of
from simulators.release_desk import ReleaseDesk, image
from simulators.release_server import ReleaseServer, Weather
from simulators.update_field import Field

# The way there


def test_no_server(field: Field) -> None:
    field.settings = replace(field.settings, url="http://127.0.0.1:9")
    assert field.refusal() is Refusal.UNREACHABLE


@pytest.mark.parametrize("status", [302, 500, 503])
def test_a_server_that_is_none_of_ours(field: Field, status: int) -> None:
    field.server.weather = Weather(status=status)
    assert field.refusal() is Refusal.BAD_ANSWER


def test_a_login_page_instead_of_metadata(field: Field) -> None:
    field.server.weather = Weather(at="timestamp", bytes_of=lambda _: b"<html>Please log in</html>")
    assert field.refusal() is Refusal.MALFORMED


@pytest.mark.parametrize("at", ["timestamp", r"\.blocks", r"\.raucb"])
def test_endless_data(field: Field, at: str) -> None:
    field.publish()
    field.server.weather = Weather(at=at, endless=True)
    assert field.refusal() is Refusal.TOO_LONG


@pytest.mark.parametrize("at", ["timestamp", r"\.raucb"])
def test_slow_data(field: Field, at: str) -> None:
    field.publish()
    field.server.weather = Weather(at=at, trickle=True)
    field.pace = Pace(window_s=0.3, least_bytes=1000)
    assert field.refusal() is Refusal.TOO_SLOW


def test_a_listed_bundle_that_is_not_there(field: Field) -> None:
    field.publish()
    field.server.weather = Weather(at=r"\.raucb", status=404)
    assert field.refusal() is Refusal.BAD_ANSWER


# The device's own state


@pytest.mark.parametrize(
    ("utc_s", "quality", "expected"),
    [
        (0.0, ClockQuality.UNSET, Refusal.CLOCK_UNSET),
        (4.07e9, ClockQuality.SYNCED, Refusal.CLOCK_AHEAD),
    ],
    ids=["1970", "2099"],
)
def test_a_clock_that_cannot_judge(field: Field, utc_s: float, quality: ClockQuality, expected: Refusal) -> None:
    field.device.clock = ClockReading(utc_s, 1.79e9, quality, 700)
    assert field.refusal() is expected


def test_no_room_for_the_bundle(field: Field) -> None:
    field.publish()
    field.settings = replace(field.settings, keep_free=2**60)
    assert field.refusal() is Refusal.DISK_FULL


def test_a_disk_that_becomes_full_in_the_middle(master: ReleaseDesk, tmp_path: Path) -> None:
    """A real one, of 512 KiB: whatever is written then, it ends in a reason or a sentence, and goes on once there is room."""
    with ReleaseServer(master.public) as server:
        line = ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "simulators.full_disk"]
        told = subprocess.run(
            [*line, str(tmp_path), server.url, str(master.root_file)],
            check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
    assert told.stdout.splitlines() == [
        "metadata DISK_FULL",
        "memory The memory of updates cannot be kept: No space left on device.",
        "bundle DISK_FULL",
        "later well",
    ]


def test_data_that_the_release_could_not_read(field: Field) -> None:
    field.publish(data=0)
    assert field.refusal() is Refusal.DATA_TOO_NEW


def test_a_memory_from_the_future(field: Field) -> None:
    """A newer firmware's file is no reason to stop."""
    (field.device.folder / "memory.cbor").write_bytes(b"\xa1\x01\x09")
    field.publish()
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.1.0"


# The bytes, loss, and going on


def test_blocks_that_fit_an_index_and_not_the_digest(field: Field) -> None:
    """As when an index was made of another bundle than the listed one."""
    release = replace(field.publish(), digest=bytes(32))
    content = field.new.read_bytes()
    (field.desk.public / "other.raucb").write_bytes(content)
    download = BundleDownload(
        web=Web(),
        url=f"{field.server.url}/other.raucb",
        release=release,
        index=parse_index(index_of(field.new), len(content)),
        path=field.device.folder / "bundle.part",
        keep_free=0,
    )
    with pytest.raises(Refused) as refused:
        download.run()
    assert refused.value.refusal is Refusal.TAMPERED


@pytest.mark.parametrize("no_parts", [False, True], ids=["server with parts", "server without"])
def test_a_connection_that_breaks_all_the_time_gets_there(field: Field, no_parts: bool) -> None:  # noqa: FBT001
    field.publish()
    length = field.new.stat().st_size
    if no_parts:
        field.server.weather = Weather(at=r"\.raucb", no_parts=True)
    else:
        field.server.weather = Weather(at=r"\.raucb", cut_after=length // 10)
    field.server.sent = 0
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.1.0"
    assert field.server.sent < 1.3 * length, "what came is not fetched again"


def test_a_truncated_bundle_is_gone_on_with_later(field: Field) -> None:
    field.publish()
    half = field.new.stat().st_size // 2
    field.server.weather = Weather(at=r"\.raucb", bytes_of=lambda content: content[:half])
    assert field.refusal() is Refusal.BAD_ANSWER
    field.server.weather, field.server.sent = Weather(at="$^"), 0
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.server.sent < 0.6 * field.new.stat().st_size


def test_only_what_the_running_slot_lacks_is_fetched(field: Field) -> None:
    """One block of a root differs, and half of it lies elsewhere."""
    before = image(11)
    after = before[: 40 * 4096] + image(12, 4096) + before[40 * 4096 :]
    running = field.desk.folder / "running.img"
    running.write_bytes(before)
    field.settings = replace(field.settings, sources=[Source(running)])
    field.publish(field.desk.bundle("1.3.0", root=after))
    field.server.sent = 0
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.3.0"
    assert field.server.sent < 150_000
