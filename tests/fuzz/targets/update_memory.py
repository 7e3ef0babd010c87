"""decode_memory: the update process's own file, as a damaged disk gives it back."""

from safecount.updating.memory import Failed, Memory, Stage, Trial, decode_memory, encode_memory
from safecount.wire.update_state import Failure

_TRIAL = Trial("1.2.0", bytes(32), "B", Stage.CHECKING, reached=True)
SEEDS = [encode_memory(Memory(_TRIAL, (Failed(b"\1" * 32, 1, Failure.CAMERA),))), encode_memory(Memory())]


def one_input(data: bytes) -> None:
    assert encode_memory(decode_memory(data)) == data
