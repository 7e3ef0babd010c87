"""Each decoder against a plain reference of its published formula, written without looking at speed."""

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from safecount.counting.decode import MAX_PEOPLE, UnusableOutput, decoder_for, ssd_anchors, suppress
from safecount.counting.model_card import ModelCard, Quantisation
from safecount.edges.litert import load_card

PICTURE = (640, 480)


@pytest.fixture
def yolox() -> ModelCard:
    return load_card("yolox_nano_320_int8")


@pytest.fixture
def ssd() -> ModelCard:
    return load_card("ssd_mobilenetv2_oidv4_fp16")


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = float(width * height)
    return shared / float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_yolox_boxes_are_where_the_formula_puts_them(yolox: ModelCard) -> None:
    scale, zero = 0.03, -30
    raw = np.full((1, 2100, 85), zero, np.int8)
    # Cell (x 5, y 7) of the second map (20 x 20, stride 16), which begins at row 1600.
    row = 1600 + 7 * 20 + 5
    stored = {0: zero + 10, 1: zero + 20, 2: zero + 40, 3: zero + 60, 4: zero + 32, 5: zero + 31}
    for column, value in stored.items():
        raw[0, row, column] = value
    boxes = decoder_for(yolox, [Quantisation(scale, zero)])([raw], PICTURE)
    x, y = (10 * scale + 5) * 16, (20 * scale + 7) * 16
    width, height = exp(40 * scale) * 16, exp(60 * scale) * 16
    # A letterbox of 640 x 480 into 320 x 320 halves both.
    expected = [2 * (x - width / 2), 2 * (y - height / 2), 2 * (x + width / 2), 2 * (y + height / 2)]
    assert boxes.shape == (1, 5)
    assert boxes[0, :4] == pytest.approx(expected, rel=1e-4)
    assert boxes[0, 4] == pytest.approx(32 * scale * 31 * scale, rel=1e-4)


def test_yolox_counts_people_only(yolox: ModelCard) -> None:
    raw = np.full((1, 2100, 85), -128, np.int8)
    raw[0, 100, 4] = 127
    raw[0, 100, 7] = 127  # a car, surely
    assert len(decoder_for(yolox, [Quantisation(1 / 255, -128)])([raw], PICTURE)) == 0


def test_ssd_anchors_are_the_published_ones() -> None:
    anchors = ssd_anchors()
    assert anchors.shape == (1917, 4)
    assert anchors[0] == pytest.approx([0.5 / 19, 0.5 / 19, 0.1, 0.1])
    assert anchors[1] == pytest.approx([0.5 / 19, 0.5 / 19, 0.2 / 2**0.5, 0.2 * 2**0.5])
    assert anchors[-1] == pytest.approx([0.5, 0.5, (0.95 * 1.0) ** 0.5, (0.95 * 1.0) ** 0.5])


def test_ssd_boxes_are_where_the_formula_puts_them(ssd: ModelCard) -> None:
    encodings = np.zeros((1, 1917, 4), np.float32)
    logits = np.full((1, 1917, 24), -10, np.float32)
    row = 1500
    encodings[0, row] = (1.0, -2.0, 0.5, -0.5)
    logits[0, row, ssd.person] = log(0.6 / 0.4)
    boxes = decoder_for(ssd, [Quantisation(), Quantisation()])([encodings, logits], PICTURE)
    y, x, high, wide = ssd_anchors()[row].tolist()
    y, x, high, wide = 0.1 * high + y, -0.2 * wide + x, exp(0.1) * high, exp(-0.1) * wide
    expected = [(x - wide / 2) * 640, (y - high / 2) * 480, (x + wide / 2) * 640, (y + high / 2) * 480, 0.6]
    assert boxes[0] == pytest.approx(expected, rel=1e-4)


def test_postprocessed_boxes_are_taken_as_many_as_are_meant() -> None:
    card = load_card("ssd_mobilenet_v1_coco_quant_postprocess")
    corners = np.zeros((1, 10, 4), np.float32)
    corners[0, 0] = (0.1, 0.2, 0.5, 0.4)
    corners[0, 1] = (0.1, 0.6, 0.5, 0.8)
    corners[0, 2] = (0.1, 0.8, 0.5, 0.9)
    classes = np.array([[0, 17, 0, 0, 0, 0, 0, 0, 0, 0]], np.float32)
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]], np.float32)
    outputs = [corners, classes, scores, np.array([3], np.float32)]
    boxes = decoder_for(card, [Quantisation()] * 4)(outputs, PICTURE)
    assert boxes == pytest.approx(np.array([[128, 48, 256, 240, 0.9], [512, 48, 576, 240, 0.7]]), rel=1e-4)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
@settings(max_examples=50, deadline=None)
def test_suppression_keeps_the_strongest_of_those_that_overlap(seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 100, (40, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(20, 60, (40, 2))), 1).astype(np.float32)
    scores = rng.uniform(0, 1, 40).astype(np.float32)
    kept = suppress(boxes, scores, limit)
    assert (np.diff(kept[:, 4]) <= 0).all()
    for n, box in enumerate(kept):
        assert all(overlap(box, other) <= limit + 1e-5 for other in kept[:n])
    for box, score in zip(boxes, scores, strict=True):
        covered = [k for k in kept if overlap(box, k) > limit - 1e-5 and k[4] >= score]
        assert covered, "every box left out is overlapped by a stronger one, or is itself kept"


def test_a_frame_full_of_people_is_bounded() -> None:
    corners = np.stack(np.meshgrid(np.arange(30), np.arange(30)), -1).reshape(-1, 2) * 20
    boxes = np.concatenate((corners, corners + 10), 1).astype(np.float32)
    assert len(suppress(boxes, np.linspace(0, 1, 900, dtype=np.float32), 0.5)) == MAX_PEOPLE


def test_nobody_is_an_empty_array(yolox: ModelCard, ssd: ModelCard) -> None:
    nothing = np.full((1, 2100, 85), -128, np.int8)
    assert decoder_for(yolox, [Quantisation(1 / 255, -128)])([nothing], PICTURE).shape == (0, 5)
    empty = [np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), -10, np.float32)]
    assert decoder_for(replace(ssd), [Quantisation(), Quantisation()])(empty, PICTURE).shape == (0, 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 1500, 1), (0, 1500, 0), (1, 1500, 4), (1, 3, 4)])
def test_numbers_that_are_none_are_no_empty_door(ssd: ModelCard, bad: float, place: tuple[int, int, int]) -> None:
    encodings, logits = np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), -10, np.float32)
    logits[0, 1500, ssd.person] = 3
    output, row, column = place
    (encodings, logits)[output][0, row, column] = bad
    with pytest.raises(UnusableOutput):
        decoder_for(ssd, [Quantisation(), Quantisation()])([encodings, logits], PICTURE)


def test_sizes_beyond_all_bounds_are_refused_without_a_word_of_numpy(yolox: ModelCard, ssd: ModelCard) -> None:
    encodings, logits = np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), 3, np.float32)
    encodings[0, 7, 2] = 1e6
    with pytest.raises(UnusableOutput):
        decoder_for(ssd, [Quantisation(), Quantisation()])([encodings, logits], PICTURE)
    raw = np.zeros((1, 2100, 85), np.float32)
    raw[0, 5, (4, 5)] = 1
    raw[0, 5, 2] = 1e6
    with pytest.raises(UnusableOutput):
        decoder_for(yolox, [Quantisation()])([raw], PICTURE)


@pytest.mark.parametrize("output", [1, 2, 3])
def test_what_was_postprocessed_is_not_believed_either(output: int) -> None:
    outputs = [np.zeros(shape, np.float32) for shape in ((1, 10, 4), (1, 10), (1, 10), (1,))]
    outputs[3][:] = 10
    outputs[output].reshape(-1)[0] = np.nan
    with pytest.raises(UnusableOutput):
        decoder_for(load_card("ssd_mobilenet_v1_coco_quant_postprocess"), [Quantisation()] * 4)(outputs, PICTURE)
