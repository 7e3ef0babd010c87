"""Runs a detector on the CPU by LiteRT (TensorFlow Lite's living name), or by the older tflite_runtime.

The file is bound to its card by sha256 and every tensor is checked against it before the first frame.
"""

import contextlib
import ctypes
import hashlib
import importlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safecount.counting.model_card import ModelCard, Quantisation, TensorSpec, parse_card
from safecount.errors import SafecountError, UsageError

DEFAULT_MODEL = "yolox_nano_320_int8"
_CARDS = Path(__file__).parent.parent / "models"
RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class ModelError(SafecountError):
    """A model that cannot be used: its file, its card or the runtime does not fit."""


def card_names() -> list[str]:
    """The names of the cards that ship, the default first."""
    return sorted((card.stem for card in _CARDS.glob("*.toml")), key=lambda name: (name != DEFAULT_MODEL, name))


def load_card(name: str) -> ModelCard:
    """The card of a name that ships.

    Raises:
        UsageError: there is no such card; the text lists those there are.
    """
    if name not in card_names():
        raise UsageError(f"There is no model '{name}'; there are {', '.join(card_names())}.")
    return parse_card((_CARDS / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")


class LiteRtDetector:
    """A model, loaded and checked. Implements the pipeline's Detector port; one thread may call it at a time."""

    def __init__(self, card: ModelCard, path: Path, threads: int = 1, delegates: Sequence[object] = ()) -> None:
        """Load the file of a card.

        Args:
            card: what the file must be.
            path: the model's file.
            threads: how many threads `invoke` may use.
            delegates: accelerators that take over a part of the graph.

        Raises:
            ModelError: the file is missing, is not the card's, or does not run here; or no runtime is installed.
        """
        _check_file(card, path)
        runtime = _runtime()
        try:
            with _quiet():
                self._interpreter = runtime.Interpreter(
                    model_path=str(path), num_threads=threads, experimental_delegates=list(delegates)
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(_why_not(path, str(error))) from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _check_tensors(card, path, inputs, outputs)
        ordered = [outputs[position] for position in card.output_order]
        self._input = inputs[0]["index"]
        self._outputs = [output["index"] for output in ordered]
        self._dtype = card.input_tensor.dtype
        self.quantisation = tuple(Quantisation(float(o["quantization"][0]), int(o["quantization"][1])) for o in ordered)

    def invoke(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        """Run the model on uint8 pixels (height, width, 3) in the card's order; copies of its outputs come back."""
        self.load(pixels)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._outputs)

    def load(self, pixels: NDArray[np.uint8]) -> None:
        """Write the pixels straight into the input tensor. No view of it outlives this call, as the runtime demands."""
        tensor = self._interpreter.tensor(self._input)()[0]
        if self._dtype == "int8":
            np.bitwise_xor(pixels, 0x80, out=tensor.view(np.uint8))  # pixel - 128 in two's complement
        elif self._dtype == "uint8":
            tensor[...] = pixels
        else:
            np.multiply(pixels, np.float32(1 / 127.5), out=tensor)
            tensor -= np.float32(1)


def _check_file(card: ModelCard, path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The model file {path} cannot be read ({error.strerror}); `safecount-ops assets {card.name}` fetches it."
        ) from error
    if found != card.sha256:
        raise ModelError(
            f"The file {path} is not the model '{card.name}': its sha256 begins {found[:12]}, not {card.sha256[:12]}. "
            f"It is cut short or another; fetch it again with `safecount-ops assets {card.name}`."
        )


def _runtime() -> Any:  # noqa: ANN401 - neither runtime has types
    for name in RUNTIMES:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise ModelError("No runtime for models is installed; install ai-edge-litert (or tflite-runtime).")


def load_delegate(library: str) -> object:
    """The delegate of an accelerator, by its driver's library.

    Raises:
        ModelError: there is no such library, or it finds no accelerator.
    """
    try:
        ctypes.CDLL(
            library
        )  # the runtime's own error of a missing library leaves a half-made object that complains later
        delegate: object = _runtime().load_delegate(library)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The accelerator's driver {library} cannot be used ({error}); plug the stick in, or install its driver."
        ) from error
    return delegate


def _why_not(path: Path, error: str) -> str:
    if "edgetpu-custom-op" in error:
        return f"The model {path} is compiled for the Edge TPU and cannot run on a CPU; use the model it was compiled from."
    return f"The model {path} cannot be loaded: {error.splitlines()[0]}"


def _check_tensors(
    card: ModelCard, path: Path, inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]]
) -> None:
    if len(inputs) != 1 or len(outputs) != len(card.outputs):
        raise ModelError(
            f"The card '{card.name}' speaks of 1 input and {len(card.outputs)} outputs, but {path} has {len(inputs)} and "
            f"{len(outputs)}; give it the card that was made for it."
        )
    pairs = [("input", card.input_tensor, inputs[0])]
    pairs += [(f"output {p}", spec, outputs[p]) for spec, p in zip(card.outputs, card.output_order, strict=True)]
    for what, spec, details in pairs:
        found = TensorSpec(tuple(int(n) for n in details["shape"]), np.dtype(details["dtype"]).name)
        if found != spec:
            raise ModelError(f"The card '{card.name}' says that the {what} is {spec}, but in {path} it is {found}.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The runtime writes notes to file descriptor 2 as it loads; its errors come as exceptions all the same."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
