"""Runs trials on several processes: a chunk of one arm at a time, each with its own randomness, so that a seed gives the same
trials on any number of processes.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from random import Random
from typing import BinaryIO, NamedTuple, TypeAlias, assert_never
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from safecount.counting.aggregator import Message
from safecount.counting.noise import RandBelow
from safecount.wire.values import BinOpened, CountRecord, Node
from safecount_ops.privacy_audit.attacks import ATTACKS, Attack, Sees, at
from safecount_ops.privacy_audit.builds import BROKEN, SHIPPED, Build, Exact
from safecount_ops.privacy_audit.delivery import read_inside, read_outside, send
from safecount_ops.privacy_audit.device import Card, Story, play

CHUNK = 500
SEALED_AT_S = int(at("24:00"))
BUILDS = {build.name: build for build in (SHIPPED, *BROKEN)}
_STREAMS = (1, 2)


class Number(NamedTuple):
    """Which released number: of which device or day of the attack, bin and direction; `copy` counts repeats of it."""

    story: int
    door: str
    node: Node
    start_s: int
    direction: str
    copy: int = 0


Numbers: TypeAlias = dict[Number, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What `trials` runs of one arm gave. `numbers`: released values, float64 of shape (trials,), nan where there was none.
    `grain`: how many binary places the finest of them had (0: whole numbers). `outside`: all that is not a number of a
    bin, each distinct form of it a text: messages and their other fields in their order, and the log.
    """

    trials: int
    numbers: Numbers
    grain: NDArray[np.int64]
    outside: list[str]


@dataclass(frozen=True, slots=True)
class Task:
    """One chunk of one arm of an attack (0 without the visit, 1 with it) on a build."""

    attack: str
    build: str
    arm: int
    chunk: int
    trials: int
    seed: int


def run_task(task: Task) -> Sample:
    """Run a chunk; whatever the build writes to its standard streams meanwhile is part of what it gives out."""
    attack, build = ATTACKS[task.attack](), BUILDS[task.build]
    generator = Random(f"{task.seed} {task.attack} {task.build} {task.arm} {task.chunk}")  # noqa: S311 - to be repeated
    found: dict[Number, dict[int, float]] = {}
    grain = np.zeros(task.trials, np.int64)
    outside: list[str] = []
    with _streams_kept() as streams:
        for trial in range(task.trials):
            rest = []
            for number, (messages, form) in enumerate(_trial(attack, build, task.arm, generator.randrange)):
                values = numbers_of(number, messages)
                for key, value in values.items():
                    found.setdefault(key, {})[trial] = value
                    grain[trial] = max(grain[trial], _grain(value))
                rest.append(form)
            outside.append(f"{crc32(repr(rest).encode()):08x} {_new_in(streams)}".strip())
    numbers = {key: np.full(task.trials, np.nan) for key in found}
    for key, by_trial in found.items():
        numbers[key][list(by_trial)] = list(by_trial.values())
    return Sample(task.trials, numbers, grain, outside)


def exact_numbers(attack: Attack, arm: int) -> dict[Number, float]:
    """What the stories of an arm truly count: by the real aggregator, without its noise."""
    draws = Random(0).randrange  # noqa: S311 - they are not used
    told: dict[Number, float] = {}
    for number, story in enumerate(_stories(attack, arm)):
        told |= numbers_of(number, play(story, Exact, attack.settings, draws, Card()))
    return told


def run_all(tasks: Sequence[Task], processes: int, done: Callable[[int], None]) -> dict[Task, Sample]:
    """Run the tasks on `processes` processes, in this one if it is one; `done` is told the trials of each that is over."""
    samples: dict[Task, Sample] = {}
    if processes == 1:
        for task in tasks:
            samples[task] = run_task(task)
            done(task.trials)
        return samples
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures: dict[Future[Sample], Task] = {pool.submit(run_task, task): task for task in tasks}
        for future in as_completed(futures):
            samples[futures[future]] = future.result()
            done(futures[future].trials)
    return samples


def joined(samples: Sequence[Sample]) -> Sample:
    """The chunks of one arm as one sample, in their order."""
    keys = sorted({key for sample in samples for key in sample.numbers})
    return Sample(
        sum(sample.trials for sample in samples),
        {
            key: np.concatenate([sample.numbers.get(key, np.full(sample.trials, np.nan)) for sample in samples])
            for key in keys
        },
        np.concatenate([sample.grain for sample in samples]),
        [text for sample in samples for text in sample.outside],
    )


def numbers_of(story: int, messages: Sequence[Message]) -> dict[Number, float]:
    """The released numbers among the messages of a story."""
    values: dict[Number, float] = {}
    for message in messages:
        if isinstance(message, CountRecord):
            for direction, value in (("in", message.entered), ("out", message.exited)):
                if value is not None:
                    values[_unused(Number(story, message.door, message.node, message.start_s, direction), values)] = (
                        value
                    )
    return values


def _unused(key: Number, taken: dict[Number, float]) -> Number:
    while key in taken:
        key = Number(key.story, key.door, key.node, key.start_s, key.direction, key.copy + 1)
    return key


def _stories(attack: Attack, arm: int) -> tuple[Story, ...]:
    return attack.with_visit if arm else attack.without


def _trial(
    attack: Attack, build: Build, arm: int, randbelow: RandBelow
) -> Iterator[tuple[Sequence[Message], list[object]]]:
    """Of each story, the messages whose numbers the attacker reads, and the form of all else that he sees."""
    for story in _stories(attack, arm):
        messages = play(story, build.begin(), attack.settings, randbelow, Card(forgetful=build.forgetful))
        match attack.sees:
            case Sees.MESSAGES:
                yield messages, _form(messages)
            case Sees.OUTSIDE:
                yield [], read_outside(send(messages, build.sealer, SEALED_AT_S))
            case Sees.EVERYTHING:
                raw = send(messages, build.sealer, SEALED_AT_S)
                opened = read_inside(raw)
                yield opened, [*read_outside(raw), *_form(opened)]
            case _:
                assert_never(attack.sees)


def _form(messages: Sequence[Message]) -> list[object]:
    """The messages in their order, with all but the counts."""
    return [
        (message.door, int(message.node), message.start_s, message.end_s)
        if isinstance(message, BinOpened)
        else (
            message.door,
            int(message.node),
            message.start_s,
            message.length_s,
            int(message.state),
            message.entered is None,
            message.exited is None,
            message.exits,
            int(message.profile),
            message.coverage_s,
            int(message.accelerator),
            int(message.clock),
            message.closed_monotonic_s,
        )
        for message in messages
    ]


def _grain(value: float) -> int:
    return 0 if isinstance(value, int) else Fraction(value).denominator.bit_length() - 1


@contextmanager
def _streams_kept() -> Iterator[BinaryIO]:
    """Sends what is written to stdout and stderr, by whatever way, into a file."""
    with tempfile.TemporaryFile() as file:
        kept = {stream: os.dup(stream) for stream in _STREAMS}
        try:
            for stream in _STREAMS:
                os.dup2(file.fileno(), stream)
            yield file
        finally:
            for stream, before in kept.items():
                os.dup2(before, stream)
                os.close(before)


def _new_in(streams: BinaryIO) -> str:
    """What was written since the last call. The file is emptied, so that it stays small."""
    if not os.fstat(streams.fileno()).st_size:
        return ""
    os.lseek(streams.fileno(), 0, os.SEEK_SET)
    text = os.read(streams.fileno(), 65_536).decode(errors="replace")
    os.ftruncate(streams.fileno(), 0)
    os.lseek(streams.fileno(), 0, os.SEEK_SET)
    return text
