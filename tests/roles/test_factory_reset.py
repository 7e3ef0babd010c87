"""A reset that is cut at any step is made good, and leaves nothing of the owner."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from safecount.edges.identity import load_identity
from safecount.roles.factory_reset import FactoryReset
from safecount.settings import FolderSettings, read_settings
from simulators.device import DeviceFolder
from simulators.tls import Authority

CARD = b"SC1:of the owner before"


class Cut(BaseException):
    """The power goes."""


def owned(folder: Path) -> tuple[DeviceFolder, FolderSettings]:
    device = DeviceFolder(folder)
    device.configure()
    (folder / "run" / "session").mkdir(exist_ok=True)
    folders = read_settings(device.settings_file).folders
    load_identity(folders.provision, folders.seal, folders.uplink)
    device.enrol("https://collector.invalid", Authority(folder))
    for path in (
        folders.wifi / "wpa_supplicant.conf",
        folders.uplink / "reset.order",
        folders.provision / "signer.pub",
    ):
        path.write_text("of the owner")
    folders.session_file.write_text("open")
    return device, folders


def left(folders: FolderSettings) -> set[str]:
    return {str(path.relative_to(folders.state)) for path in Path(folders.state).rglob("*") if path.is_file()}


STAYS = {"provision/identity.pem", "provision/ownership.secret", "provision/card.spent", "seal/forget"}


def test_all_goes_but_who_the_device_is(tmp_path: Path) -> None:
    _, folders = owned(tmp_path)
    before = load_identity(folders.provision, folders.seal, folders.uplink)
    FactoryReset(folders).run(CARD)
    assert left(folders) == STAYS
    assert not folders.session_file.exists(), "nobody goes on looking at the set-up page"
    after = load_identity(folders.provision, folders.seal, folders.uplink)
    assert after.label == before.label, "the label holds"
    assert after.device != before.device
    assert after.tls_key_digest != before.tls_key_digest


def test_the_code_that_lay_on_the_card_is_not_taken_again_and_another_is(tmp_path: Path) -> None:
    _, folders = owned(tmp_path)
    reset = FactoryReset(folders)
    assert not reset.is_spent(CARD)
    reset.run(CARD)
    assert reset.is_spent(CARD)
    assert not reset.is_spent(CARD + b"\n")


def _counting_cuts(monkeypatch: pytest.MonkeyPatch, at: int) -> Callable[[], int]:
    """Let the power go at the `at`-th file that is taken away or put in place, as the operating system is asked for it."""
    asked = 0
    real = {name: getattr(os, name) for name in ("unlink", "rename")}

    def cutting(name: str) -> Callable[..., None]:
        def act(*arguments: object, **named: object) -> None:
            nonlocal asked
            asked += 1
            if asked == at:
                raise Cut
            real[name](*arguments, **named)

        return act

    for name in real:
        monkeypatch.setattr(os, name, cutting(name))
    return lambda: asked


def test_a_cut_at_any_step_is_made_good_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, whole = 0, False
    while not whole:
        step += 1
        _, folders = owned(tmp_path)
        with monkeypatch.context() as cutting:
            _counting_cuts(cutting, step)
            try:
                FactoryReset(folders).run(CARD)
                whole = True
            except Cut:
                pass
        reset = FactoryReset(folders)
        if reset.is_begun:
            reset.resume()
        elif not whole:
            assert folders.site_file.exists(), f"cut {step}: before it has begun, nothing is gone"
            reset.run(CARD)
        assert left(folders) == STAYS, f"cut {step}"
    assert step > 12
