"""Whatever is served, the device ends in a named state, with its own reason, and goes on with what runs.

Real TUF metadata, real bundles signed by RAUC and checked by it, and a real web server on loopback.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from safecount.edges.bundle_download import BundleDownload, Source
from safecount.edges.tuf_client import RepositorySettings, TufRepository
from safecount.edges.web import Pace, Web
from safecount.updating.ports import ClockReading, Refused
from safecount.wire.block_index import parse_index
from safecount.wire.release import Release
from safecount.wire.update_state import Refusal, UpdateState
from safecount.wire.values import ClockQuality
from safecount_ops.release.bundle import describe, index_of
from safecount_ops.release.rauc_ca import RaucCa
from safecount_ops.release.repository import ReleaseRepository
from safecount_ops.release.signing_keys import SigningKeys
from simulators.release_desk import PASSPHRASE, ReleaseDesk, image
from simulators.release_server import ReleaseServer, Weather
from simulators.update_device import Counter, Restarting, checked_by_rauc


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> ReleaseDesk:
    """A release side that has published 1.0.0, and made the bundle of 1.1.0."""
    desk = ReleaseDesk(tmp_path_factory.mktemp("desk")).create()
    desk.publish(desk.bundle("1.0.0"))
    desk.bundle("1.1.0", root=image(7))
    return desk


class Field:
    """A device that has asked once, and the release side that it asks."""

    def __init__(self, desk: ReleaseDesk, server: ReleaseServer, folder: Path) -> None:
        self.desk, self.server = desk, server
        self.versions: dict[bytes, str] = {}
        self.device = Counter(folder, checked_by_rauc(desk.rauc.ca, self.versions))
        root = folder / "root.json"
        shutil.copy(desk.root_file, root)
        self.pace = Pace()
        self.settings = RepositorySettings(server.url, folder / "tuf", root, keep_free=0)
        self.ask()

    @property
    def new(self) -> Path:
        return self.desk.folder / "rpi-1.1.0.raucb"

    def publish(self, bundle: Path | None = None, **changed: object) -> Release:
        return self.desk.publish(bundle or self.new, **changed)  # type: ignore[arg-type]

    def ask(self) -> tuple[UpdateState, Refusal | None]:
        for bundle in self.desk.folder.glob("*.raucb"):
            self.versions[bundle.read_bytes()[-256:]] = bundle.stem.split("-")[-1]
        web = Web(pace=self.pace)
        try:
            report = self.device.rounds(TufRepository(self.settings, web)).ask()
        finally:
            web.close()
        assert self.device.contents["A"] == "1.0.0", "what runs is never touched"
        assert isinstance(report.reason, Refusal | None)
        return report.state, report.reason

    def refusal(self) -> Refusal | None:
        """The reason of a refusal; None if it was none. A refusal leaves the other slot as it was."""
        before = self.device.contents["B"]
        state, reason = self.ask()
        if state is UpdateState.REFUSED:
            assert self.device.contents["B"] == before
            assert self.device.load().trial is None
        return reason

    def edit(self, role: str, change: Callable[[dict[str, object]], None]) -> None:
        """Change published metadata after it was signed."""
        path = self.newest(role)
        table = json.loads(path.read_text())
        change(table)
        path.write_text(json.dumps(table))

    def newest(self, role: str) -> Path:
        folder = self.desk.public / "metadata"
        if role == "timestamp":
            return folder / "timestamp.json"
        return max(folder.glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


@pytest.fixture
def field(master: ReleaseDesk, tmp_path: Path) -> Iterator[Field]:
    shutil.copytree(master.folder, tmp_path / "desk")
    desk = ReleaseDesk(tmp_path / "desk")
    (tmp_path / "device").mkdir()
    with ReleaseServer(desk.public) as server:
        yield Field(desk, server, tmp_path / "device")


def thief(field: Field, *roles: str) -> ReleaseRepository:
    """Somebody with the keys of these roles, and keys of their own for the others."""
    folder = field.desk.folder / "thief"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (field.desk.folder / "keys").glob("*.pem"):
        if path.stem.split("-")[0] in roles:
            shutil.copy(path, folder)
    return _Careless(field.desk.public, SigningKeys(folder, PASSPHRASE))


class _Careless(ReleaseRepository):
    """Publishes whatever its keys give, enough or not."""

    def _sign(self, role: str, md, roots) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG002
        md.signatures.clear()
        signers = self._keys.load(role)
        if not signers:
            signers = [self._keys.make(role, 77)]
        for signer in signers:
            md.sign(signer, append=True)


# The good case, without which no refusal proves anything


def test_a_good_release_is_installed_and_waits_for_its_hour(field: Field) -> None:
    field.publish()
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.1.0"
    with pytest.raises(Restarting):
        field.device.rounds(TufRepository(field.settings, Web())).start_trial_if_due()


def test_nothing_new_costs_little(field: Field) -> None:
    field.server.sent = 0
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.server.sent < 10_000, "the bound of what a question may cost"
    assert field.server.asked[-2:] == ["metadata/2.root.json", "metadata/timestamp.json"]


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


# The metadata


def test_expired_metadata(field: Field) -> None:
    field.desk.repository({"targets": timedelta(days=-1)}).add(*_described(field))
    assert field.refusal() is Refusal.EXPIRED


def test_a_frozen_repository(field: Field) -> None:
    field.desk.repository({"timestamp": timedelta(seconds=1)}).renew()
    assert field.refusal() is None
    time.sleep(1.1)
    assert field.refusal() is Refusal.FROZEN


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_older_metadata_than_was_seen(field: Field, role: str) -> None:
    """The whole repository of last week; and a new timestamp, by a thief of the online keys, over the old targets."""
    before = field.desk.folder / "before"
    shutil.copytree(field.desk.public, before)
    field.publish(share=0)
    assert field.refusal() is None
    shutil.rmtree(field.desk.public)
    shutil.copytree(before, field.desk.public)
    if role == "snapshot":
        online = field.desk.repository()
        for _ in range(3):
            online.renew()
    assert field.refusal() is Refusal.ROLLED_BACK


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_parts_that_do_not_belong_together(field: Field, role: str) -> None:
    field.publish()
    newest = field.newest(role)
    version = int(newest.name.split(".")[0])
    shutil.copy(newest.with_name(f"{version - 1}.{role}.json"), newest)
    assert field.refusal() is Refusal.MIXED


def test_a_release_that_is_not_described(field: Field) -> None:
    with field.desk.repository().edit_targets() as targets:
        for target in targets.targets.values():
            target.unrecognized_fields = {"custom": {"safecount": {"format": 1, "version": "x"}}}
    field.desk.repository().publish()
    assert field.refusal() is Refusal.MALFORMED


@pytest.mark.parametrize(
    ("role", "stolen", "expected"),
    [
        ("timestamp", (), Refusal.UNSIGNED_TIMESTAMP),
        ("snapshot", ("timestamp",), Refusal.UNSIGNED_SNAPSHOT),
        ("targets", ("timestamp", "snapshot"), Refusal.UNSIGNED_TARGETS),
    ],
)
def test_a_stolen_key_of_each_role(field: Field, role: str, stolen: tuple[str, ...], expected: Refusal) -> None:
    """With the keys above it a thief gets as far as the next role, and no farther."""
    bundle = field.desk.bundle("9.0.0", by=_other_ca(field))
    release, content, index = _described(field, bundle, _other_ca(field))
    thief(field, *stolen).add(release, content, index)
    assert field.refusal() is expected
    assert role in field.server.asked[-1]


def test_a_stolen_targets_key_alone(field: Field) -> None:
    """It can sign a list, and make nobody believe that it is the newest."""
    thief(field, "targets").add(*_described(field))
    assert field.refusal() is Refusal.UNSIGNED_TIMESTAMP


def test_one_stolen_root_key(field: Field) -> None:
    keys = field.desk.folder / "keys"
    robber = thief(field)
    shutil.copy(keys / "root-1.pem", field.desk.folder / "thief")
    robber.rotate("timestamp")
    assert field.refusal() is Refusal.UNSIGNED_ROOT


def test_all_keys_of_tuf_but_not_those_of_rauc(field: Field) -> None:
    evil = field.desk.bundle("9.0.0", by=_other_ca(field))
    release, bundle, index = _described(field, evil, _other_ca(field))
    field.desk.repository().add(release, bundle, index)
    assert field.refusal() is Refusal.NOT_SIGNED


def test_a_year_of_missed_rotations(field: Field) -> None:
    for _ in range(3):
        for role in ("timestamp", "snapshot", "targets", "root"):
            field.desk.repository().rotate(role)
    field.publish()
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.1.0"


def test_a_revoked_key_signs_nothing_any_more(field: Field) -> None:
    field.desk.repository().rotate("timestamp")
    assert field.refusal() is None
    old = field.desk.folder / "thief"
    old.mkdir()
    shutil.copy(field.desk.folder / "keys" / "timestamp-1.pem", old)
    _Careless(field.desk.public, SigningKeys(old, PASSPHRASE)).do_timestamp(force=True)
    assert field.refusal() is Refusal.UNSIGNED_TIMESTAMP


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


def test_data_that_the_release_could_not_read(field: Field) -> None:
    field.publish(data=0)
    assert field.refusal() is Refusal.DATA_TOO_NEW


def test_a_memory_from_the_future(field: Field) -> None:
    """A newer firmware's file is no reason to stop."""
    (field.device.folder / "memory.cbor").write_bytes(b"\xa1\x01\x09")
    field.publish()
    assert field.ask() == (UpdateState.NOTHING_NEW, None)
    assert field.device.contents["B"] == "1.1.0"


# The release


def test_only_an_older_release(field: Field) -> None:
    field.device.contents["A"] = "1.5.0"
    state, reason = field.device.rounds(TufRepository(field.settings, Web())).ask().state, field.device.report.reason
    assert (state, reason) == (UpdateState.REFUSED, Refusal.OLDER_RELEASE)


@pytest.mark.parametrize("said", [True, False], ids=["listed as another's", "listed as ours"])
def test_a_bundle_for_another_board(field: Field, said: bool) -> None:  # noqa: FBT001
    field.publish(field.desk.bundle("2.0.0", board="virt"), path="rpi/2.0.0.raucb", board="virt" if said else "rpi")
    assert field.refusal() is Refusal.WRONG_BOARD


@pytest.mark.parametrize("place", [0, 200_000, -5000])
def test_a_bundle_with_other_bytes(field: Field, place: int) -> None:
    field.publish()

    def changed(content: bytes) -> bytes:
        damaged = bytearray(content)
        damaged[place] ^= 1
        return bytes(damaged)

    field.server.weather = Weather(at=r"\.raucb", bytes_of=changed)
    assert field.refusal() is Refusal.TAMPERED


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


def test_an_index_with_other_bytes(field: Field) -> None:
    field.publish()
    field.server.weather = Weather(at=r"\.blocks", bytes_of=lambda content: content[:-1] + b"\0")
    assert field.refusal() is Refusal.TAMPERED


def test_a_bundle_that_rauc_signed_and_tuf_does_not_list(field: Field) -> None:
    field.publish()
    other = field.desk.bundle("1.2.0", root=image(8)).read_bytes()
    field.server.weather = Weather(at=r"\.raucb", bytes_of=lambda _: other)
    assert field.refusal() is Refusal.NOT_LISTED


# Loss, and going on


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


def _other_ca(field: Field) -> RaucCa:
    ca = RaucCa(field.desk.folder / "other")
    if not ca.folder.exists():
        ca.create()
    return ca


def _described(field: Field, bundle: Path | None = None, by: RaucCa | None = None) -> tuple[Release, Path, bytes]:
    bundle = bundle or field.new
    return describe(bundle, (by or field.desk.rauc).ca, 1000), bundle, index_of(bundle)
