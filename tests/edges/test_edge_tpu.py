"""The stick's place is taken by the same model on the processor, so that its answers can be told right from wrong."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from safecount.edges.edge_tpu import EdgeTpuDetector, Outputs, compiled_detector
from safecount.edges.litert import LiteRtDetector, ModelError, load_card
from safecount.wire.values import Accelerator
from safecount_ops.assets import find_asset

REGISTRY = "ssd_mobilenetv2_oidv4_fp16"
CARD = load_card(REGISTRY)
GREY = np.full((300, 300, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def processor() -> LiteRtDetector:
    return LiteRtDetector(CARD, find_asset(REGISTRY))


class Stick:
    """Works until it is told to fail: by an error, or by never answering."""

    fault: Callable[[], object]

    def __init__(self) -> None:
        self.model = LiteRtDetector(CARD, find_asset(REGISTRY))
        self.fault = fine
        self.asked = 0

    def invoke(self, pixels: NDArray[np.uint8]) -> Outputs:
        self.asked += 1
        self.fault()
        return self.model.invoke(pixels)


def fine() -> None:
    pass


def raise_error() -> None:
    raise RuntimeError("Failed to send data to the device.")


def opened(detector: EdgeTpuDetector) -> None:
    until_s = time.monotonic() + 20
    while detector.accelerator is not Accelerator.EDGE_TPU:
        assert time.monotonic() < until_s
        detector.invoke(GREY)


def same(one: Outputs, other: Outputs) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_processor_counts_until_the_stick_is_open(processor: LiteRtDetector) -> None:
    may_open, stick, losses = threading.Event(), Stick(), list[int]()

    def open_stick() -> Stick:
        may_open.wait(20)
        return stick

    detector = EdgeTpuDetector(processor, open_stick, 20.0, lambda: losses.append(1))
    assert same(detector.invoke(GREY), processor.invoke(GREY))
    assert detector.accelerator is Accelerator.CPU
    may_open.set()
    opened(detector)
    assert same(detector.invoke(GREY), processor.invoke(GREY))
    assert stick.asked >= 2
    assert not losses


def test_a_stick_that_fails_loses_no_frame(processor: LiteRtDetector) -> None:
    stick, losses = Stick(), list[int]()
    detector = EdgeTpuDetector(processor, lambda: stick, 20.0, lambda: losses.append(1))
    opened(detector)
    stick.fault = raise_error
    assert same(detector.invoke(GREY), processor.invoke(GREY))
    assert detector.accelerator is Accelerator.CPU
    assert detector.lost
    asked = stick.asked
    detector.invoke(GREY)
    assert stick.asked == asked  # never again
    assert losses == [1]


def test_a_stick_that_locks_up_holds_nobody_up(processor: LiteRtDetector) -> None:
    stick, losses, released = Stick(), list[int](), threading.Event()
    detector = EdgeTpuDetector(processor, lambda: stick, 0.5, lambda: losses.append(1))
    opened(detector)
    stick.fault = lambda: released.wait(20)
    began_s = time.monotonic()
    assert same(detector.invoke(GREY), processor.invoke(GREY))
    assert time.monotonic() - began_s < 10
    stick.fault = fine
    released.set()  # it comes back too late: its answer is not taken for that of another frame
    other = np.zeros_like(GREY)
    assert same(detector.invoke(other), processor.invoke(other))
    assert losses == [1]


def test_without_a_stick_the_processor_goes_on(processor: LiteRtDetector) -> None:
    lost = threading.Event()
    file = find_asset(REGISTRY)
    detector = EdgeTpuDetector(
        processor, lambda: compiled_detector(CARD, file, CARD.sha256, "libedgetpu.so.1"), 20.0, lost.set
    )
    assert lost.wait(20)
    assert same(detector.invoke(GREY), processor.invoke(GREY))
    assert detector.accelerator is Accelerator.CPU


def test_a_missing_driver_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"driver libedgetpu\.so\.1 cannot be used .*plug the stick in"):
        compiled_detector(CARD, find_asset(REGISTRY), CARD.sha256, "libedgetpu.so.1")
