"""Whatever is served, the device ends in a named state, with its own reason, and goes on with what runs.

Real TUF metadata, real bundles signed by RAUC and checked by it, and a real web server on loopback.
"""

import shutil
import time
from datetime import timedelta

import pytest

from safecount.edges.tuf_client import TufRepository
from safecount.edges.web import Web
from safecount.wire.update_state import Refusal, UpdateState
from safecount_ops.release.signing_keys import SigningKeys
from simulators.release_desk import PASSPHRASE, image
from simulators.release_server import Weather
from simulators.update_device import Restarting
from simulators.update_field import Careless, Field, described, other_ca, thief

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


# The metadata


def test_expired_metadata(field: Field) -> None:
    field.desk.repository({"targets": timedelta(days=-1)}).add(*described(field))
    assert field.refusal() is Refusal.EXPIRED


def test_a_frozen_repository(field: Field) -> None:
    field.desk.repository({"timestamp": timedelta(seconds=2)}).renew()  # cut to whole seconds: one at least
    assert field.refusal() is None
    time.sleep(2.1)
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


def test_a_release_that_is_notdescribed(field: Field) -> None:
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
    bundle = field.desk.bundle("9.0.0", by=other_ca(field))
    release, content, index = described(field, bundle, other_ca(field))
    thief(field, *stolen).add(release, content, index)
    assert field.refusal() is expected
    assert role in field.server.asked[-1]


def test_a_stolen_targets_key_alone(field: Field) -> None:
    """It can sign a list, and make nobody believe that it is the newest."""
    thief(field, "targets").add(*described(field))
    assert field.refusal() is Refusal.UNSIGNED_TIMESTAMP


def test_one_stolen_root_key(field: Field) -> None:
    keys = field.desk.folder / "keys"
    robber = thief(field)
    shutil.copy(keys / "root-1.pem", field.desk.folder / "thief")
    robber.rotate("timestamp")
    assert field.refusal() is Refusal.UNSIGNED_ROOT


def test_all_keys_of_tuf_but_not_those_of_rauc(field: Field) -> None:
    evil = field.desk.bundle("9.0.0", by=other_ca(field))
    release, bundle, index = described(field, evil, other_ca(field))
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
    Careless(field.desk.public, SigningKeys(old, PASSPHRASE)).do_timestamp(force=True)
    assert field.refusal() is Refusal.UNSIGNED_TIMESTAMP


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


def test_an_index_with_other_bytes(field: Field) -> None:
    field.publish()
    field.server.weather = Weather(at=r"\.blocks", bytes_of=lambda content: content[:-1] + b"\0")
    assert field.refusal() is Refusal.TAMPERED


def test_a_bundle_that_rauc_signed_and_tuf_does_not_list(field: Field) -> None:
    field.publish()
    other = field.desk.bundle("1.2.0", root=image(8)).read_bytes()
    field.server.weather = Weather(at=r"\.raucb", bytes_of=lambda _: other)
    assert field.refusal() is Refusal.NOT_LISTED
