"""COSE_Sign1 (RFC 9052, section 4.2) with Ed25519, the one signature form of every format here.

The protected header holds the algorithm and the `typ` of what is signed (RFC 9596), so that a signed thing of one kind
can never be taken for another. The unprotected header is empty; there is no detached payload and no external data.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safecount.wire.encoding import as_bytes, as_fields, as_list, as_text, decode, encode
from safecount.wire.errors import Reason, UntrustedInput

SIGN1_TAG = b"\xd2"
"""CBOR tag 18, COSE_Sign1."""
_ALGORITHM, _TYP = 1, 16
_EDDSA = -8


@dataclass(frozen=True, slots=True)
class Signed:
    """A COSE_Sign1 whose form is right and whose signature is not yet checked."""

    protected: bytes
    untrusted_payload: bytes
    signature: bytes

    def verify(self, key: Ed25519PublicKey) -> bytes:
        """The payload, once `key` is known to have signed it; UntrustedInput (BAD_SIGNATURE) otherwise."""
        try:
            key.verify(self.signature, _to_be_signed(self.protected, self.untrusted_payload))
        except InvalidSignature as error:
            raise UntrustedInput(Reason.BAD_SIGNATURE, "The signature does not fit its key and text.") from error
        return self.untrusted_payload

    def verify_any(self, keys: Iterable[Ed25519PublicKey]) -> bytes:
        """The payload, once one of `keys` is known to have signed it; UntrustedInput (BAD_SIGNATURE) otherwise."""
        for key in keys:
            with suppress(UntrustedInput):
                return self.verify(key)
        raise UntrustedInput(Reason.BAD_SIGNATURE, "None of the keys that could have signed the message has.")


def sign1(typ: str, payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """`payload` signed by `key` as a thing of the kind `typ`."""
    protected = encode({_ALGORITHM: _EDDSA, _TYP: typ})
    return SIGN1_TAG + encode([protected, {}, payload, key.sign(_to_be_signed(protected, payload))])


def sign1_overhead(typ: str) -> int:
    """How many bytes `sign1` adds to a payload of 256 to 65535 bytes."""
    some_payload = bytes(256)
    protected = encode({_ALGORITHM: _EDDSA, _TYP: typ})
    return len(SIGN1_TAG + encode([protected, {}, some_payload, bytes(64)])) - len(some_payload)


def parse_sign1(untrusted: bytes, typ: str, limit: int) -> Signed:
    """The parts of a COSE_Sign1 of at most `limit` bytes and the kind `typ`.

    Raises:
        UntrustedInput: TOO_LARGE, MALFORMED, BAD_FIELD, or WRONG_TYPE for another kind or algorithm.
    """
    if len(untrusted) > limit:
        raise UntrustedInput(
            Reason.TOO_LARGE, f"The message has {len(untrusted)} bytes where at most {limit} are taken."
        )
    if untrusted[:1] != SIGN1_TAG:
        raise UntrustedInput(Reason.MALFORMED, "The bytes are no tagged COSE_Sign1.")
    protected, unprotected, payload, signature = as_list(decode(untrusted[1:], limit), 4, 4)
    as_fields(unprotected, frozenset())
    protected = as_bytes(protected, 1, 128)
    header = as_fields(decode(protected, 128), frozenset({_ALGORITHM, _TYP}))
    if header[_ALGORITHM] != _EDDSA or as_text(header[_TYP], 64) != typ:
        raise UntrustedInput(Reason.WRONG_TYPE, f"The message is not a {typ} signed with Ed25519.")
    return Signed(protected, as_bytes(payload, 0, limit), as_bytes(signature, 64, 64))


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return encode(["Signature1", protected, b"", payload])
