"""Which detector an image gets, with the asset finder's own folders and no address to fetch from."""

import shutil
from pathlib import Path

import pytest

from safecount.edges.litert import DEFAULT_MODEL, load_card
from safecount.errors import UsageError
from safecount_image import model
from safecount_image.root import name_model
from safecount_ops.assets import find_asset
from safecount_ops.assets.find import AssetError
from safecount_ops.desk.models import REGISTRY_MODEL

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def registries_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A builder whom nobody but a registry serves: the folder has what that has."""
    registry = find_asset(REGISTRY_MODEL)
    folder = tmp_path / "assets"
    folder.mkdir()
    shutil.copy(registry, folder / load_card(REGISTRY_MODEL).file)
    monkeypatch.setenv("SAFECOUNT_ASSETS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("MODEL", raising=False)
    return folder


def test_a_builder_who_reaches_registries_only_gets_theirs_and_is_told(
    registries_only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = model.find_model()
    assert found.card.name == REGISTRY_MODEL
    assert found.file == registries_only / found.card.file
    assert f"built with {REGISTRY_MODEL} instead" in capsys.readouterr().err


@pytest.mark.usefixtures("registries_only")
def test_a_builder_who_asks_for_one_gets_that_or_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", REGISTRY_MODEL)
    assert model.find_model().card.name == REGISTRY_MODEL
    monkeypatch.setenv("MODEL", DEFAULT_MODEL)
    with pytest.raises(AssetError, match=DEFAULT_MODEL):
        model.find_model()
    monkeypatch.setenv("MODEL", "no-such")
    with pytest.raises(UsageError, match="no model 'no-such'"):
        model.find_model()


def test_the_settings_that_ship_name_it(tmp_path: Path) -> None:
    (tmp_path / "etc/safecount").mkdir(parents=True)
    shutil.copy(CONFIG / "etc/safecount/safecount.toml", tmp_path / "etc/safecount")
    name_model(tmp_path, "some_model")
    assert 'card = "some_model"' in (tmp_path / "etc/safecount/safecount.toml").read_text()
