"""Which detector a desk runs: the one asked for, else the default where it can be had, else the registry's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safecount.counting.decode import decoder_for
from safecount.counting.model_card import ModelCard
from safecount.counting.pipeline import Decoder
from safecount.counting.values import Boxes
from safecount.edges.litert import DEFAULT_MODEL, LiteRtDetector, load_card
from safecount_ops.assets import find_asset
from safecount_ops.assets.find import AssetError

REGISTRY_MODEL = "ssd_mobilenetv2_oidv4_fp16"


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded detector with its decoder, and in a sentence why it is this one."""

    card: ModelCard
    detector: LiteRtDetector
    decode: Decoder
    why: str


def load_model(name: str | None, file: Path | None = None) -> Model:
    """Load the model of a card that ships; None takes the default, or the registry's where the default cannot be had.

    Raises:
        UsageError: no card has that name.
        AssetError: no source has the file.
        ModelError: `file`, or the one found, does not fit the card.
    """
    if name is not None or file is not None:
        return _loaded(name or DEFAULT_MODEL, "It was asked for.", file)
    try:
        return _loaded(DEFAULT_MODEL, "It is the default.")
    except AssetError as no_default:
        try:
            return _loaded(
                REGISTRY_MODEL, f"The default, {DEFAULT_MODEL}, cannot be had here; this one is in a package registry."
            )
        except AssetError as no_other:
            raise AssetError(f"{no_default} {no_other}") from no_other


def _loaded(name: str, why: str, file: Path | None = None) -> Model:
    card = load_card(name)
    detector = LiteRtDetector(card, file or find_asset(name))
    decoder = decoder_for(card, detector.quantisation)

    def decode(outputs: Sequence[NDArray[np.generic]], picture: tuple[int, int]) -> Boxes:
        return decoder(outputs, picture)

    return Model(card, detector, decode, why)
