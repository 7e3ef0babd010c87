"""Raw output tensors to people: one decoder a model family, each chosen by the model's card.

All of them give `Boxes` in pixels of the picture the source had, after undoing the card's fit, with what is below the
card's `weak_score` left out and overlapping boxes of one person merged into the strongest. An output that holds no
numbers (NaN, infinity) is an error: to take it for an empty door would be to count zero where nothing was seen.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from safecount.counting.model_card import ModelCard, Quantisation
from safecount.counting.values import Boxes, InputSpec
from safecount.errors import SafecountError

Outputs: TypeAlias = Sequence[NDArray[Any]]
Decoder: TypeAlias = Callable[[Outputs, tuple[int, int]], Boxes]
_Floats: TypeAlias = NDArray[np.float32]


class UnusableOutput(SafecountError):  # noqa: N818 - it names what was met
    """The model gave NaN or infinity: nothing is known of this frame."""


MAX_PEOPLE = 300
"""The most people of one frame that go on, strongest first: a bound, far above what a door ever shows."""


def decoder_for(card: ModelCard, quantisation: Sequence[Quantisation]) -> Decoder:
    """The decoder of a card.

    Args:
        card: the model's card.
        quantisation: that of each output tensor, in the card's order, as the model's file states it.

    Returns:
        A function of (outputs in the card's order, picture (width, height) in pixels) to Boxes.
    """
    match card.decoder:
        case "yolox":
            return _yolox(card, quantisation[0])
        case "ssd_raw":
            return _ssd_raw(card)
        case "detection_postprocess":
            return _detection_postprocess(card)


def picture_scale(spec: InputSpec, picture: tuple[int, int]) -> tuple[float, float]:
    """Model pixels per picture pixel, in x and y: the same for a letterbox, each its own for a stretched picture."""
    across, down = spec.width / picture[0], spec.height / picture[1]
    return (min(across, down),) * 2 if spec.fit == "letterbox" else (across, down)


def suppress(boxes: NDArray[Any], scores: NDArray[Any], overlap: float) -> Boxes:
    """Greedy non-maximum suppression: of boxes that overlap more than `overlap` (intersection over union), the strongest.

    Args:
        boxes: (n, 4) x1, y1, x2, y2.
        scores: (n,).
        overlap: within 0 and 1.

    Returns:
        (m, 5), strongest first, at most MAX_PEOPLE. Plain Python: for the few boxes of a door the array calls cost more.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_PEOPLE]
    kept: list[tuple[float, float, float, float, float]] = []
    for (x1, y1, x2, y2), score in zip(boxes[order].tolist(), scores[order].tolist(), strict=True):
        area = (x2 - x1) * (y2 - y1)
        for a1, b1, a2, b2, _ in kept:
            width = (x2 if x2 < a2 else a2) - (x1 if x1 > a1 else a1)
            if width <= 0.0:
                continue
            height = (y2 if y2 < b2 else b2) - (y1 if y1 > b1 else b1)
            if height > 0.0 and width * height * (1.0 + overlap) > overlap * (area + (a2 - a1) * (b2 - b1)):
                break
        else:
            kept.append((x1, y1, x2, y2, score))
    return np.array(kept, np.float32).reshape(-1, 5)


def _exp(sizes: NDArray[Any]) -> NDArray[Any]:
    """Sizes beyond float32 become infinite, which `_finish` refuses; numpy's own warning is no line of our journal."""
    with np.errstate(over="ignore"):
        result: NDArray[Any] = np.exp(sizes)
    return result


def _check(*outputs: NDArray[Any]) -> None:
    """UnusableOutput unless all are numbers. Integers always are."""
    for output in outputs:
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise UnusableOutput("The model gave numbers that are none (NaN or infinity).")


def _finish(card: ModelCard, boxes: NDArray[Any], scores: NDArray[Any], picture: tuple[int, int]) -> Boxes:
    """From model pixels to picture pixels, then one box a person; UnusableOutput for a box without bounds."""
    _check(boxes, scores)
    across, down = picture_scale(card.input, picture)
    unfit = np.array((1 / across, 1 / down, 1 / across, 1 / down), np.float32)
    return suppress(boxes * unfit, scores, card.overlap)


def _yolox(card: ModelCard, quantisation: Quantisation) -> Decoder:
    """YOLOX (Ge et al. 2021): centre = (xy + grid) * stride, size = exp(wh) * stride, score = objectness * class."""
    grids, strides = [], []
    for stride in (8, 16, 32):
        across, down = card.input.width // stride, card.input.height // stride
        grids.append(np.stack(np.meshgrid(np.arange(across), np.arange(down)), -1).reshape(-1, 2))
        strides.append(np.full((across * down, 1), stride))
    grid = np.concatenate(grids).astype(np.float32)
    stride_of = np.concatenate(strides).astype(np.float32)
    scale, zero = np.float32(quantisation.scale or 1.0), quantisation.zero_point
    # The class's share is at most 1, so objectness alone rules most rows out, on the stored integers.
    least = card.weak_score / float(scale) + zero
    column = 5 + card.person

    def decode(outputs: Outputs, picture: tuple[int, int]) -> Boxes:
        raw = outputs[0][0]
        _check(raw[:, 4], raw[:, column])
        rows = np.flatnonzero(raw[:, 4] >= least)
        values = (raw[rows][:, (0, 1, 2, 3, 4, column)].astype(np.float32) - zero) * scale
        scores = values[:, 4] * values[:, 5]
        kept = scores >= card.weak_score
        values, scores, rows = values[kept], scores[kept], rows[kept]
        centre = (values[:, :2] + grid[rows]) * stride_of[rows]
        half = _exp(values[:, 2:4]) * stride_of[rows] / 2
        return _finish(card, np.concatenate((centre - half, centre + half), 1), scores, picture)

    return decode


def ssd_anchors() -> _Floats:
    """The 1917 anchors of SSD MobileNet at 300 pixels: (1917, 4) centre y, x, height, width as shares.

    Liu et al. 2016, section 2.2, with the layout of TensorFlow's object detection API: six maps, scales evenly from 0.2 to
    0.95, three anchors in the first map, six in the others.
    """
    scales = [*np.linspace(0.2, 0.95, 6), 1.0]
    anchors = []
    for level, cells in enumerate((19, 10, 5, 3, 2, 1)):
        here, further = scales[level], scales[level + 1]
        shapes = [(here, 1.0), (here, 2.0), (here, 0.5), (here, 3.0), (here, 1 / 3), (sqrt(here * further), 1.0)]
        if level == 0:
            shapes = [(0.1, 1.0), (here, 2.0), (here, 0.5)]
        for y in range(cells):
            for x in range(cells):
                middle = ((y + 0.5) / cells, (x + 0.5) / cells)
                anchors += [(*middle, scale / sqrt(aspect), scale * sqrt(aspect)) for scale, aspect in shapes]
    return np.array(anchors, np.float32)


def _ssd_raw(card: ModelCard) -> Decoder:
    """SSD box encodings against anchors (Liu et al. 2016, equation 2), variances 10, 10, 5, 5; sigmoid class scores."""
    anchors = ssd_anchors()
    least = float(np.log(card.weak_score / (1 - card.weak_score)))
    size = np.array((card.input.width, card.input.height) * 2, np.float32)

    def decode(outputs: Outputs, picture: tuple[int, int]) -> Boxes:
        logits = outputs[1][0, :, card.person]
        _check(logits)
        rows = np.flatnonzero(logits >= least)
        code, anchor = outputs[0][0, rows], anchors[rows]
        centre = code[:, 1::-1] / 10 * anchor[:, 3:1:-1] + anchor[:, 1::-1]
        half = _exp(code[:, 3:1:-1] / 5) * anchor[:, 3:1:-1] / 2
        scores = 1 / (1 + np.exp(-logits[rows]))
        return _finish(card, np.concatenate((centre - half, centre + half), 1) * size, scores, picture)

    return decode


def _detection_postprocess(card: ModelCard) -> Decoder:
    """The custom operation TFLite_Detection_PostProcess: boxes as shares, classes, scores, and how many are meant."""
    size = np.array((card.input.width, card.input.height) * 2, np.float32)

    def decode(outputs: Outputs, picture: tuple[int, int]) -> Boxes:
        _check(outputs[3])
        meant = max(0, int(outputs[3].reshape(-1)[0]))
        corners, classes, scores = outputs[0][0, :meant], outputs[1][0, :meant], outputs[2][0, :meant]
        _check(classes, scores)
        kept = (classes.astype(np.int64) == card.person) & (scores >= card.weak_score)
        return _finish(card, corners[kept][:, (1, 0, 3, 2)] * size, scores[kept], picture)

    return decode
