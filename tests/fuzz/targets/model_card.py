"""parse_card: the card of a model."""

from importlib.resources import files

from safecount.counting.model_card import parse_card
from safecount.errors import UsageError

FORM = "toml"
SEEDS = [card.read_bytes() for card in files("safecount.models").iterdir() if card.name.endswith(".toml")]


def one_input(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError("no text") from error
    parse_card(text, "fuzz")
