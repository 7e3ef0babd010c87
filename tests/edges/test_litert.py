"""The real runtime on real models: the registry's everywhere, the others where SAFECOUNT_ASSETS has them."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from safecount.counting.decode import UnusableOutput, decoder_for
from safecount.counting.model_card import ModelCard, TensorSpec
from safecount.edges.litert import LiteRtDetector, ModelError, load_card
from safecount_ops.assets import find_asset

REGISTRY = "ssd_mobilenetv2_oidv4_fp16"


@pytest.fixture(scope="module")
def model() -> Path:
    return find_asset(REGISTRY)


@pytest.fixture
def card() -> ModelCard:
    return load_card(REGISTRY)


def test_outputs_come_in_the_cards_order(card: ModelCard, model: Path) -> None:
    detector = LiteRtDetector(card, model)
    grey = np.full((300, 300, 3), 127, np.uint8)
    shapes = [output.shape for output in detector.invoke(grey)]
    assert shapes == [(1, 1917, 4), (1, 1917, 24)]
    turned = replace(card, outputs=card.outputs[::-1], output_order=card.output_order[::-1])
    assert [output.shape for output in LiteRtDetector(turned, model).invoke(grey)] == shapes[::-1]


def test_outputs_outlive_the_next_frame(card: ModelCard, model: Path) -> None:
    detector = LiteRtDetector(card, model)
    first = detector.invoke(np.zeros((300, 300, 3), np.uint8))
    kept = first[1].copy()
    detector.invoke(np.full((300, 300, 3), 255, np.uint8))
    assert np.array_equal(first[1], kept)


def test_the_runtime_says_nothing_on_the_terminal(
    card: ModelCard, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    LiteRtDetector(card, model)
    assert capfd.readouterr() == ("", "")


def test_a_missing_model_says_how_to_get_it(card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="safecount-ops assets ssd_mobilenetv2_oidv4_fp16"):
        LiteRtDetector(card, tmp_path / "none.tflite")


def test_a_truncated_model_is_refused_by_its_hash(card: ModelCard, model: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.tflite"
    short.write_bytes(model.read_bytes()[:100_000])
    with pytest.raises(ModelError, match="It is cut short or another"):
        LiteRtDetector(card, short)


def test_a_file_that_is_no_model_is_refused(card: ModelCard, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(b"not a model")
    named = replace(card, sha256="25e59a8c4c3a6a6d9e0ed1ba53f3b4f5b5d9e3d9d06bd02a1a8bd2a1d3d3c111")
    with pytest.raises(ModelError, match="is not the model"):
        LiteRtDetector(named, other)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_tensor": TensorSpec((1, 300, 300, 3), "uint8")}, "input is uint8 1x300x300x3, but .* it is float32"),
        ({"outputs": (TensorSpec((1, 1917, 91), "float32"),) * 2}, "output 0 is float32 1x1917x91"),
        ({"outputs": (), "output_order": ()}, "has 1 and 2"),
    ],
)
def test_a_card_that_does_not_fit_names_the_tensor(
    card: ModelCard, model: Path, change: dict[str, object], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        LiteRtDetector(replace(card, **change), model)  # type: ignore[arg-type]  # parametrised fields


def test_a_model_that_has_gone_bad_in_memory_is_no_empty_door(card: ModelCard, model: Path, tmp_path: Path) -> None:
    """A few of its weights are made NaN (float16)."""
    raw = bytearray(model.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 2000] = b"\x00\x7e" * 1000
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(raw)
    detector = LiteRtDetector(replace(card, sha256=sha256(raw).hexdigest()), bad)
    outputs = detector.invoke(np.full((300, 300, 3), 127, np.uint8))
    with pytest.raises(UnusableOutput):
        decoder_for(card, detector.quantisation)(outputs, (640, 480))


@pytest.mark.assets
@pytest.mark.parametrize("name", ["yolox_nano_320_int8", "ssd_mobilenet_v1_coco_quant_postprocess"])
def test_the_other_models_fit_their_cards(name: str) -> None:
    card = load_card(name)
    detector = LiteRtDetector(card, find_asset(name))
    outputs = detector.invoke(np.zeros((card.input.height, card.input.width, 3), np.uint8))
    assert [output.shape for output in outputs] == [spec.shape for spec in card.outputs]


@pytest.mark.assets
def test_a_model_for_the_edge_tpu_is_refused_on_a_cpu(card: ModelCard) -> None:
    compiled = find_asset("movenet_edgetpu_compiled")
    named = replace(card, sha256="25c88b77586f65c5c80d868c0555fb194f2b38c0b55aa491f4a93b7d7da58e78")
    with pytest.raises(ModelError, match="compiled for the Edge TPU and cannot run on a CPU"):
        LiteRtDetector(named, compiled)
