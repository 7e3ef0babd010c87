"""Whoever reads a signed statement with the library of in-toto and TUF."""

import json

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def signed_by(key: PublicKeyTypes, text: str) -> bytes:
    """The payload of an envelope (one line of JSON) that this key has signed; VerificationError otherwise."""
    envelope = Envelope.from_dict(json.loads(text))
    known = SSlibKey.from_crypto(key, "any")
    known.keyid = ""  # the envelope names none
    envelope.verify([known], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json"
    return envelope.payload
