"""The release side as its operator uses it."""

from pathlib import Path

import pytest

from debian import need
from safecount_ops.__main__ import main
from safecount_ops.release.repository import ReleaseRepository
from safecount_ops.release.signing_keys import SigningKeys
from simulators.release_desk import image


class Shop:
    """An operator in front of a folder."""

    def __init__(self, folder: Path) -> None:
        need("rauc")
        need("mksquashfs")
        self.folder = folder
        self.desk = folder / "release"
        (folder / "phrase").write_text("correct horse battery\n")
        (folder / "root.img").write_bytes(image(1))
        (folder / "boot.img").write_bytes(image(2, 9000))

    def does(self, *arguments: str, sign: bool = True) -> int:
        more = ["--passphrase-file", str(self.folder / "phrase")] if sign else []
        yes = ["--yes"] if sign and arguments[0] != "init" else []
        return main(["release", *arguments, "--desk", str(self.desk), *more, *yes])

    def bundle(self, version: str) -> str:
        out = str(self.folder / f"{version}.raucb")
        images = ("--root", str(self.folder / "root.img"), "--boot", str(self.folder / "boot.img"))
        assert self.does("bundle", *images, "--board", "rpi", "--version", version, "--out", out, sign=False) == 0
        return out

    @property
    def listed(self) -> dict[str, int]:
        keys = SigningKeys(self.desk / "keys", b"")
        return {str(one.version): one.share for one in ReleaseRepository(self.desk / "public", keys).releases()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    assert shop.does("init") == 0
    return shop


def test_a_release_from_the_ceremony_to_all_devices(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.does("publish", shop.bundle("1.0.0"), "--share", "all") == 0
    assert shop.does("publish", shop.bundle("1.1.0")) == 0
    assert shop.listed == {"1.0.0": 1000, "1.1.0": 50}
    assert shop.does("rollout", "rpi", "1.1.0", "50%") == 0
    assert shop.does("halt", "rpi", "1.1.0") == 0
    assert shop.listed["1.1.0"] == 0
    assert shop.does("revoke", "rpi", "1.1.0") == 0
    assert shop.does("renew") == 0
    assert shop.does("rotate", "timestamp") == 0
    assert shop.listed == {"1.0.0": 1000}
    capsys.readouterr()
    assert shop.does("status", sign=False) == 0
    said = capsys.readouterr().out
    assert "1.0.0" in said
    assert "all devices" in said
    assert all(role in said for role in ("root", "targets", "snapshot", "timestamp"))


def test_a_dry_run_signs_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = shop.bundle("1.0.0")
    with pytest.raises(SystemExit):
        shop.does("publish", bundle, "--dry-run")
    assert shop.listed == {}
    assert "5.0% of the devices" in capsys.readouterr().out


def test_private_keys_are_under_the_pass_phrase_and_not_in_what_is_served(shop: Shop) -> None:
    assert all(b"ENCRYPTED" in path.read_bytes() for path in (shop.desk / "keys").iterdir())
    served = [path.read_bytes() for path in (shop.desk / "public").rglob("*") if path.is_file()]
    assert served
    assert not any(b"PRIVATE" in content for content in served)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rollout", "rpi", "9.9.9", "all"], "is not listed"),
        (["rollout", "rpi", "x", "all"], "no version"),
        (["rollout", "rpi", "1.0.0", "1%"], "already"),
        (["init"], "exists already"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    shop: Shop, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.does("publish", shop.bundle("1.0.0"), "--share", "2%")
    assert shop.does(*arguments) == 2
    assert words in capsys.readouterr().err


def test_a_wrong_pass_phrase(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.folder / "phrase").write_text("another horse battery")
    assert shop.does("renew") == 1
    assert "pass-phrase" in capsys.readouterr().err


def test_missing_root_keys_stop_a_rotation_and_change_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        (shop.desk / "keys" / f"root-{number}.pem").unlink()
    before = sorted(path.name for path in (shop.desk / "public" / "metadata").iterdir())
    assert shop.does("rotate", "timestamp") == 1
    assert "needs signatures of 2 keys" in capsys.readouterr().err
    assert sorted(path.name for path in (shop.desk / "public" / "metadata").iterdir()) == before


def test_an_older_release_is_not_listed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.does("publish", shop.bundle("2.0.0")) == 0
    assert shop.does("publish", shop.bundle("1.9.0")) == 2
    assert "never older" in capsys.readouterr().err
