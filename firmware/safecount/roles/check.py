"""Checks what the counting process would start with, starts nothing, and says what is wrong."""

from pathlib import Path

from safecount.counting.decode import decoder_for
from safecount.counting.geometry import segment
from safecount.edges.litert import DEFAULT_MODEL, LiteRtDetector, load_card
from safecount.settings import read_settings


def run(settings_file: Path) -> None:
    """Check the settings file, the counting lines, and the model's file against its card.

    Raises:
        SafecountError: the first thing that is wrong, and what to do.
    """
    settings = read_settings(settings_file)
    for line in settings.line:
        segment(line, (1000, 1000))
    card = load_card(settings.model.card or DEFAULT_MODEL)
    detector = LiteRtDetector(card, Path(settings.model.folder) / card.file)
    decoder_for(card, detector.quantisation)
