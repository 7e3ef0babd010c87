import importlib.resources

import pytest

from safecount.counting.model_card import parse_card
from safecount.edges.litert import DEFAULT_MODEL, card_names, load_card
from safecount.errors import UsageError


def text(name: str = DEFAULT_MODEL) -> str:
    return (importlib.resources.files("safecount") / "models" / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", card_names())
def test_every_card_that_ships_is_whole(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.licence
    assert card.source


def test_the_default_comes_first() -> None:
    assert card_names()[0] == DEFAULT_MODEL


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("person = 0", "persona = 0", "unknown key 'persona'"),
        ("person = 0\n", "", "lacks 'person'"),
        ('decoder = "yolox"', 'decoder = "yolo"', "there are only yolox, ssd_raw, detection_postprocess"),
        ("position = 0", "position = 1", "each position once"),
        ("aca0c7ba", "aca0c7", "no sha256"),
        ("weak_score = 0.22", "weak_score = 0.9", "within 0 and 1"),
        ('channels = "bgr"', 'channels = "yuv"', "channels rgb or bgr"),
        ("width = 320", "widht = 320", "unknown key 'widht'"),
        ('name = "', 'name "', "not valid TOML"),
        ("weak_score = 0.22", 'weak_score = "0.22"', "'weak_score' of a wrong type: it must be float"),
        ("position = 0", "position = [0]", "'position' of a wrong type"),
        ("shape = [", 'shape = ["a", ', "whole numbers above zero"),
    ],
)
def test_what_is_wrong_with_a_card_is_named(old: str, new: str, says: str) -> None:
    assert old in text()
    with pytest.raises(UsageError, match=says):
        parse_card(text().replace(old, new, 1), "broken.toml")


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="there are yolox_nano_320_int8"):
        load_card("resnet")
