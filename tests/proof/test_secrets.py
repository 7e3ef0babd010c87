"""No secret is in the repository, and the scan would see one."""

import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safecount.wire.enrolment import Label, encode_label, serial_of_fingerprint
from safecount_ops.proof.secret_scan import secrets_in, tracked

ROOT = Path(__file__).parents[2]
PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLISHED = {"tests/vectors/vectors.json: label of a device"}
"""The frozen bytes of the label's format: of no device."""
SAMPLES = {
    "private key": PEM,
    "age identity": b"AGE-SECRET-KEY-1" + b"Q" * 58,
    "cloud key": b"AKIA" + b"Q" * 16,
    "forge token": b"ghp_" + b"a" * 36,
    "registry token": b"pypi-AgEI" + b"a" * 60,
    "bearer token": b"eyJ" + b"a" * 30 + b".eyJ" + b"b" * 30 + b"." + b"c" * 30,
    "password in an address": b"postgresql://app" + b":hunter2@db.example/x",
}


def test_there_is_no_secret_in_the_repository() -> None:
    files = tracked(ROOT)
    assert len(files) > 400
    found = [
        f"{path.relative_to(ROOT)}:{line}: {kind}"
        for path in files
        if path.is_file()
        for kind, line in secrets_in(path.read_bytes())
    ]
    assert {one.split(":")[0] + one[one.rindex(":") :] for one in found} == PUBLISHED


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_secret_of_each_form_is_seen(kind: str) -> None:
    assert list(secrets_in(b"first line\nname = '" + SAMPLES[kind] + b"'\n")) == [(kind, 2)]


def test_the_label_of_a_device_is_seen() -> None:
    key = secrets.token_bytes(32)
    label = encode_label(Label(serial_of_fingerprint(key), key, secrets.token_bytes(16)))
    assert list(secrets_in(label.encode())) == [("label of a device", 1)]
