"""Runs a detector on a Coral stick while there is one that works, and on the processor otherwise, frame by frame.

Such sticks lock up, overheat and vanish from the bus, and a call to one that is locked up never comes back. So the stick
has a thread of its own that opens it and asks it; until it is open, and from its first failure on, the processor counts.
It is not tried again before the process starts anew: a stick that failed once fails again.

Untested on hardware: `compiled_detector`, with a real stick behind libedgetpu.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from safecount.counting.model_card import ModelCard
from safecount.counting.pipeline import Detector
from safecount.edges.litert import LiteRtDetector, load_delegate
from safecount.wire.values import Accelerator

Outputs: TypeAlias = tuple[NDArray[Any], ...]


class EdgeTpuDetector:
    """Implements the pipeline's Detector port. Remembers of the past only whether the stick has failed."""

    def __init__(
        self,
        processor: Detector,
        open_stick: Callable[[], Detector],
        hung_after_s: float,
        on_loss: Callable[[], None],
    ) -> None:
        """Count by the processor, and by the stick as soon as it is open.

        Args:
            processor: the model on the CPU; it gives the same tensors.
            open_stick: opens the model on the stick; it runs in the stick's thread and may take seconds or for ever.
            hung_after_s: how long the stick may take over a frame.
            on_loss: is told once that there is no stick, or no more, from either thread.
        """
        self._processor = processor
        self._hung_after_s = hung_after_s
        self._on_loss = on_loss
        self._questions: queue.SimpleQueue[NDArray[np.uint8]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Outputs | None] = queue.SimpleQueue()
        self._open = threading.Event()
        self.lost = False
        self.accelerator = Accelerator.CPU
        # A daemon: a call that never comes back must not keep the process from stopping.
        threading.Thread(target=self._serve, args=(open_stick,), name="edge-tpu", daemon=True).start()

    def invoke(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Run the model on uint8 pixels (height, width, 3) in the card's order; no frame is lost when the stick is."""
        if self._open.is_set() and not self.lost:
            outputs = self._ask(pixels)
            if outputs is not None:
                self.accelerator = Accelerator.EDGE_TPU
                return outputs
            self._lose()
        self.accelerator = Accelerator.CPU
        return self._processor.invoke(pixels)

    def _ask(self, pixels: NDArray[np.uint8]) -> Outputs | None:
        self._questions.put(pixels)
        try:
            return self._answers.get(timeout=self._hung_after_s)
        except queue.Empty:
            return None

    def _lose(self) -> None:
        self.lost = True
        self._on_loss()

    def _serve(self, open_stick: Callable[[], Detector]) -> None:
        """The stick's thread. Its runtime raises what it likes, so every error means that the stick is gone."""
        try:
            stick = open_stick()
        except Exception:  # noqa: BLE001 - see above
            self._lose()
            return
        self._open.set()
        while True:
            pixels = self._questions.get()
            try:
                self._answers.put(stick.invoke(pixels))
            except Exception:  # noqa: BLE001 - see above
                self._answers.put(None)
                return


def compiled_detector(card: ModelCard, file: Path, sha256: str, library: str) -> LiteRtDetector:
    """The file that the Edge TPU's compiler made of a card's model; its tensors are those of the card.

    Raises:
        ModelError: no stick, no driver, or not that file.
    """
    return LiteRtDetector(replace(card, sha256=sha256), file, delegates=[load_delegate(library)])
