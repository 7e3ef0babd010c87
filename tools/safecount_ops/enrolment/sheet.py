"""Draws QR codes: on PDF pages as vectors, so that they print sharp at any size, and the labels and cards around them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from safecount.wire.enrolment import Label, encode_label, setup_code_bytes
from safecount.wire.setup_session import code_text

QUIET_MODULES = 4
"""The white edge that ISO/IEC 18004 asks for."""
LABEL_MM = (70.0, 37.0)
LABEL_COLUMNS, LABEL_ROWS = 3, 8
CODE_MM = 80.0


@dataclass(frozen=True, slots=True)
class Card:
    """One code on a site's page: its title, what to do with it, and the QR code."""

    title: str
    text: str
    code: segno.QRCode


def groups(text: str, size: int = 4) -> str:
    """The text in groups, for eyes and for typing."""
    return " ".join(text[start : start + size] for start in range(0, len(text), size))


def draw_code(pdf: FPDF, code: segno.QRCode, left_mm: float, top_mm: float, side_mm: float) -> None:
    """The QR code with its quiet edge in a square of `side_mm`, one rectangle a run of dark modules."""
    rows = [list(row) for row in code.matrix]
    module_mm = side_mm / (len(rows) + 2 * QUIET_MODULES)
    pdf.set_fill_color(0)
    for y, row in enumerate(rows):
        for start, length in _runs(row):
            pdf.rect(
                left_mm + (start + QUIET_MODULES) * module_mm,
                top_mm + (y + QUIET_MODULES) * module_mm,
                length * module_mm,
                module_mm * 1.02,  # a hair of overlap: no white seams between rows on any printer
                style="F",
            )


def _runs(row: Sequence[int]) -> Iterable[tuple[int, int]]:
    start = None
    for x, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x - start
            start = None


def _page() -> FPDF:
    pdf = FPDF(format="A4", unit="mm")
    pdf.set_auto_page_break(auto=False)
    pdf.set_creator("safecount-ops")
    return pdf


def save_labels(labels: Sequence[Label], path: Path, model: str = "") -> None:
    """A4 sheets of 3 x 8 labels of 70 x 37 mm, a common size of label paper. `model` is the name of the devices' model."""
    pdf = _page()
    for index, label in enumerate(labels):
        place = index % (LABEL_COLUMNS * LABEL_ROWS)
        if place == 0:
            pdf.add_page()
        row, column = divmod(place, LABEL_COLUMNS)
        _draw_label(pdf, label, model, (column * LABEL_MM[0], row * LABEL_MM[1] + 0.5))
    pdf.output(str(path))


def _draw_label(pdf: FPDF, label: Label, model: str, corner_mm: tuple[float, float]) -> None:
    left_mm, top_mm = corner_mm
    side_mm = LABEL_MM[1] - 4
    draw_code(pdf, segno.make(encode_label(label), error="m", micro=False), left_mm + 1, top_mm + 2, side_mm)
    text_mm, bold = left_mm + side_mm + 1, "B"
    lines = [
        (7.5, bold, "safecount people counter"),
        *([(7.0, "", _latin(f"Model {model}"))] if model else ()),
        (6.0, "", "Serial"),
        (8.0, bold, label.serial),
        (6.0, "", "Key SHA-256"),
        *((6.0, "", groups(label.fingerprint.hex()[start : start + 16])) for start in range(0, 64, 16)),
        (6.5, "", f"Set-up code {code_text(setup_code_bytes(label.secret))}"),
        (5.0, "", "Who has this code owns the device."),
    ]
    y_mm = top_mm + 3
    for size, style, line in lines:
        pdf.set_font("helvetica" if size != 6.0 or line.startswith(("Serial", "Key")) else "courier", style, size)
        pdf.set_xy(text_mm, y_mm)
        pdf.cell(LABEL_MM[0] - side_mm - 2, 3.2, line)
        y_mm += 3.2


def save_cards(heading: str, facts: Sequence[str], cards: Sequence[Card], path: Path) -> None:
    """One A4 page: what the codes are for, and each code 80 mm wide with what to do with it."""
    pdf = _page()
    pdf.add_page()
    pdf.set_xy(20, 18)
    pdf.set_font("helvetica", "B", 18)
    pdf.cell(170, 10, _latin(heading), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font("helvetica", "", 10)
    for fact in facts:
        pdf.set_x(20)
        pdf.cell(170, 5.5, _latin(fact), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    top_mm = pdf.get_y() + 8
    for card in cards:
        draw_code(pdf, card.code, 18, top_mm, CODE_MM)
        pdf.set_xy(104, top_mm + 6)
        pdf.set_font("helvetica", "B", 13)
        pdf.multi_cell(88, 6, _latin(card.title), new_x=XPos.LEFT, new_y=YPos.NEXT)
        pdf.set_font("helvetica", "", 10)
        pdf.multi_cell(88, 5, _latin(card.text))
        top_mm += CODE_MM + 12
    pdf.output(str(path))


def _latin(text: str) -> str:
    """The text as the PDF's own fonts can show it; what they cannot is shown as a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")
