import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.cose import sign1
from safecount.wire.encoding import encode
from safecount.wire.errors import Reason, UntrustedInput
from safecount.wire.reset_order import MAX_RESET_BYTES, RESET_TYPE, sign_reset, verify_reset
from safecount.wire.values import DEVICE_MAX_BYTES
from simulators.keys import signing_key

SIGNER, DEVICE = signing_key("signer"), "sc-abcdefghijklmnop.abcdef"


def reason(untrusted: bytes, device: str = DEVICE) -> Reason:
    with pytest.raises(UntrustedInput) as refused:
        verify_reset(untrusted, device, SIGNER.public_key())
    return refused.value.reason


def test_the_signers_order_is_for_one_device_only() -> None:
    order = sign_reset(DEVICE, SIGNER)
    verify_reset(order, DEVICE, SIGNER.public_key())
    assert reason(order, DEVICE[:-1] + "g") is Reason.BAD_FIELD, "after a reset the device has another name"
    assert reason(sign_reset(DEVICE, signing_key("root"))) is Reason.BAD_SIGNATURE


def test_nothing_else_that_the_signer_signs_is_an_order() -> None:
    payload = encode({1: 1, 2: DEVICE})
    assert reason(sign1("safecount-site", payload, SIGNER)) is Reason.WRONG_TYPE
    assert reason(sign1(RESET_TYPE, encode({1: 2, 2: DEVICE}), SIGNER)) is Reason.UNSUPPORTED_VERSION
    assert reason(sign1(RESET_TYPE, encode({1: 1, 2: DEVICE, 3: 0}), SIGNER)) is Reason.BAD_FIELD
    assert reason(sign1(RESET_TYPE, encode({1: True, 2: DEVICE}), SIGNER)) is Reason.BAD_FIELD


def test_the_longest_name_fits() -> None:
    assert len(sign_reset("d" * DEVICE_MAX_BYTES, SIGNER)) <= MAX_RESET_BYTES


@given(st.binary(max_size=300) | st.integers(0, 8 * len(sign_reset(DEVICE, SIGNER)) - 1))
def test_no_other_bytes_are_an_order(change: bytes | int) -> None:
    order = bytearray(sign_reset(DEVICE, SIGNER))
    if isinstance(change, int):
        order[change // 8] ^= 1 << change % 8
    with pytest.raises(UntrustedInput):
        verify_reset(change if isinstance(change, bytes) else bytes(order), DEVICE, SIGNER.public_key())
