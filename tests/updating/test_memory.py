from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.updating.memory import (
    MAX_FAILURES,
    PERHAPS_THE_POWER,
    Failed,
    Memory,
    Stage,
    Trial,
    decode_memory,
    encode_memory,
)
from safecount.wire.errors import UntrustedInput
from safecount.wire.update_state import Failure

TRIAL = Trial("2.0.0", b"\1" * 32, "B", Stage.INSTALLED, reached=True)

failures = st.builds(Failed, st.binary(min_size=32, max_size=32), st.integers(0, 9), st.sampled_from(Failure))
stages = st.sampled_from([stage for stage in Stage if stage is not Stage.FAILED])
trials = st.builds(
    Trial, st.just("1.2.3"), st.binary(min_size=32, max_size=32), st.sampled_from("AB"), stages, st.booleans()
) | st.sampled_from(Failure).map(lambda failure: replace(TRIAL, stage=Stage.FAILED, failure=failure))


@given(st.builds(Memory, st.none() | trials, st.lists(failures, max_size=MAX_FAILURES).map(tuple)))
def test_a_memory_is_read_as_it_was_written(memory: Memory) -> None:
    assert decode_memory(encode_memory(memory)) == memory


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_bytes_are_a_memory_or_refused(extra: bytes, cut: int) -> None:
    raw = encode_memory(Memory(TRIAL, (Failed(b"\2" * 32, 1, Failure.CAMERA),)))
    for damaged in (extra, raw[:cut], raw[:cut] + extra, raw + extra):
        with suppress(UntrustedInput):
            assert encode_memory(decode_memory(damaged)) == damaged


@pytest.mark.parametrize("failure", Failure)
def test_a_release_is_given_up_at_once_unless_the_power_may_explain_it(failure: Failure) -> None:
    once = Memory(TRIAL).after_failure(TRIAL, failure)
    assert once.trial is None
    assert once.given_up(TRIAL.digest) == (failure not in PERHAPS_THE_POWER)
    assert once.after_failure(TRIAL, failure).given_up(TRIAL.digest)


def test_only_the_last_failures_are_kept() -> None:
    memory = Memory()
    for number in range(MAX_FAILURES + 1):
        memory = memory.after_failure(replace(TRIAL, digest=bytes([number]) * 32), Failure.CAMERA)
    assert len(memory.failed) == MAX_FAILURES
    assert not memory.given_up(bytes(32))
    assert memory.given_up(bytes([MAX_FAILURES]) * 32)


@pytest.mark.parametrize(
    "wrong", [{"slot": "C"}, {"stage": Stage.FAILED}, {"failure": Failure.CAMERA}], ids=lambda wrong: next(iter(wrong))
)
def test_a_trial_whose_fields_do_not_fit_does_not_exist(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fit"):
        replace(TRIAL, **wrong)  # type: ignore[arg-type]
