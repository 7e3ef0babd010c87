"""Which detector an image holds: the one that MODEL= asks for, else the default, else that of a package registry.

A builder who reaches package registries only gets the last; the image's facts, its bill and its list for Imager say
which it is.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from safecount.counting.model_card import ModelCard
from safecount.edges.litert import DEFAULT_MODEL, load_card
from safecount_ops.assets import find_asset
from safecount_ops.assets.find import AssetError
from safecount_ops.desk.models import REGISTRY_MODEL

CHOSEN = "MODEL"
"""Names a card that ships; then nothing else will do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A detector's card, and its file on this machine."""

    card: ModelCard
    file: Path


def find_model() -> Model:
    """Find it, or fetch it.

    Raises:
        UsageError: no card has the name that MODEL= says.
        AssetError: no source has the file.
    """
    if chosen := os.environ.get(CHOSEN):
        return _model(chosen)
    try:
        return _model(DEFAULT_MODEL)
    except AssetError as no_default:
        try:
            model = _model(REGISTRY_MODEL)
        except AssetError as no_other:
            raise AssetError(f"{no_default} {no_other}") from no_other
        print(f"image: {no_default}\nimage: it is built with {REGISTRY_MODEL} instead.", file=sys.stderr, flush=True)
        return model


def _model(name: str) -> Model:
    card = load_card(name)
    return Model(card, find_asset(name))
