"""The card of a detector: what its file is, what it takes in, and what its outputs mean.

Nothing about a model is guessed from its shapes. Its card says it, the file's sha256 binds the card to the file, and the
edge that loads the file checks every tensor against the card.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from safecount.counting.values import InputSpec
from safecount.errors import UsageError

TensorType: TypeAlias = Literal["int8", "uint8", "float32"]
DecoderName: TypeAlias = Literal["yolox", "ssd_raw", "detection_postprocess"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor as it must be: its shape and element type."""

    shape: tuple[int, ...]
    dtype: TensorType

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape))}"


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Real value = scale * (stored value - zero point); scale 0 for tensors that store real values."""

    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything the counter needs to know of a detector.

    Attributes:
        input: size, channel order and fit of the picture.
        input_tensor: its tensor. int8 takes pixel - 128, uint8 the pixel, float32 pixel / 127.5 - 1.
        outputs: the output tensors in the order in which the decoder takes them.
        output_order: for each of `outputs`, its position among the outputs of the file.
        person: column or number of the class of people.
        strong_score: from here on a box is surely somebody (the tracker's `strong_score`).
        weak_score: below this a box is noise (the tracker's `weak_score`, and the decoder's floor).
        overlap: boxes that overlap more than this (intersection over union) are one person.
    """

    name: str
    file: str
    sha256: str
    licence: str
    source: str
    input: InputSpec
    input_tensor: TensorSpec
    outputs: tuple[TensorSpec, ...]
    output_order: tuple[int, ...]
    decoder: DecoderName
    person: int
    strong_score: float
    weak_score: float
    overlap: float


_TEXTS = dict.fromkeys(("name", "file", "sha256", "licence", "source", "decoder"), str)
_PLAIN: dict[str, type] = {**_TEXTS, "person": int, "strong_score": float, "weak_score": float, "overlap": float}
_INPUT: dict[str, type] = {"width": int, "height": int, "channels": str, "fit": str, "pad": int, "dtype": str}
_OUTPUT: dict[str, type] = {"position": int, "shape": list, "dtype": str}


def parse_card(text: str, where: str) -> ModelCard:
    """Read a card from its TOML text; `where` names it in error texts.

    Raises:
        UsageError: no TOML, an unknown or missing key, or a value that no model can have.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The model card {where} is not valid TOML: {error}.") from error
    _only(table, {**_PLAIN, "input": dict, "output": list}, where)
    size = _part(table["input"], _INPUT, f"{where}: input")
    outputs = [_part(output, _OUTPUT, f"{where}: output") for output in table["output"]]
    card = ModelCard(
        **{key: table[key] for key in _PLAIN},
        input=InputSpec(**{key: size[key] for key in _INPUT if key != "dtype"}),
        input_tensor=TensorSpec((1, size["height"], size["width"], 3), size["dtype"]),
        outputs=tuple(TensorSpec(tuple(output["shape"]), output["dtype"]) for output in outputs),
        output_order=tuple(output["position"] for output in outputs),
    )
    _check(card, where)
    return card


def _part(table: object, keys: Mapping[str, type], where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise UsageError(f"The model card {where} must be a table.")
    _only(table, keys, where)
    return table


def _only(table: Mapping[str, object], keys: Mapping[str, type], where: str) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(f"The model card {where} has the unknown key '{key}'; it knows {', '.join(keys)}.")
    for key, kind in keys.items():
        if key not in table:
            raise UsageError(f"The model card {where} lacks '{key}'.")
        value = table[key]
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UsageError(f"The model card {where} has a '{key}' of a wrong type: it must be {kind.__name__}.")


OUTPUTS_OF: dict[DecoderName, int] = {"yolox": 1, "ssd_raw": 2, "detection_postprocess": 4}


def _check(card: ModelCard, where: str) -> None:
    wrong = None
    if card.decoder not in OUTPUTS_OF:
        wrong = f"names the decoder '{card.decoder}', but there are only {', '.join(OUTPUTS_OF)}"
    elif len(card.outputs) != OUTPUTS_OF[card.decoder] or sorted(card.output_order) != list(range(len(card.outputs))):
        wrong = f"must list the {OUTPUTS_OF[card.decoder]} outputs of its decoder '{card.decoder}', each position once"
    elif not all(type(size) is int and size > 0 for tensor in card.outputs for size in tensor.shape):
        wrong = "must give shapes as whole numbers above zero"
    elif len(card.sha256) != 64 or set(card.sha256) - set("0123456789abcdef"):
        wrong = "has no sha256 of 64 hexadecimal digits"
    elif not 0 <= card.weak_score <= card.strong_score <= 1 or not 0 < card.overlap <= 1:
        wrong = "must have weak_score, strong_score and overlap within 0 and 1, the weak one not above the strong one"
    elif card.input.channels not in ("rgb", "bgr") or card.input.fit not in ("letterbox", "stretch"):
        wrong = "must have channels rgb or bgr, and fit letterbox or stretch"
    elif card.input_tensor.dtype not in ("int8", "uint8", "float32"):
        wrong = f"names the input type '{card.input_tensor.dtype}', but there are only int8, uint8 and float32"
    if wrong:
        raise UsageError(f"The model card {where} {wrong}.")
